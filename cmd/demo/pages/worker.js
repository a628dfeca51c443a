// The chat's service worker keeps the app's shell, as single-page apps do: its start page comes from the browser's cache
// and not from the server.
'use strict';

const shell = ['/', '/style.css', '/state.js', '/kept.js', '/chat.js'];

addEventListener('install', (event) => {
	skipWaiting();
	event.waitUntil(caches.open('shell').then((cache) => cache.addAll(shell)));
});

addEventListener('fetch', (event) => {
	const url = new URL(event.request.url);
	if (event.request.method !== 'GET' || url.origin !== location.origin || !shell.includes(url.pathname)) return;
	event.respondWith(caches.match(url.pathname).then((kept) => kept || fetch(event.request)));
});
