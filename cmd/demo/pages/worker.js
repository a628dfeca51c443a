// The chat's service worker keeps the app's shell, as single-page apps do: its start page comes from the browser's cache
// and not from the server, unless its address has a query.
'use strict';

const shell = ['/', '/style.css', '/state.js', '/kept.js', '/chat.js'];

addEventListener('install', (event) => {
	skipWaiting();
	event.waitUntil(caches.open('shell').then((cache) => cache.addAll(shell)));
});

addEventListener('fetch', (event) => {
	const {pathname, search, origin} = new URL(event.request.url);
	if (event.request.method !== 'GET' || origin !== location.origin || search || !shell.includes(pathname)) return;
	event.respondWith(caches.match(pathname).then((kept) => kept || fetch(event.request)));
});
