// The chat: asks the server who is signed in, and shows the one half of the page or the other. What was said is kept in
// this browser only, and so is the page itself, by a service worker.
'use strict';

function showChat(user) {
	document.getElementById('user').textContent = user;
	document.getElementById('in').hidden = !user;
	document.getElementById('out').hidden = !!user;
	showSaid();
	if (user) keepOffline();
}

function showSaid() {
	const lines = (localStorage.getItem('said') || '').split('\n').filter(Boolean);
	document.getElementById('said').replaceChildren(...lines.map((line) => {
		const item = document.createElement('li');
		item.textContent = line;
		return item;
	}));
}

// Chromium refuses a worker from a site whose certificate it does not trust. The app does without.
async function keepOffline() {
	try {
		await navigator.serviceWorker.register('/worker.js');
		await navigator.serviceWorker.ready;
		showKept();
	} catch {}
}

document.getElementById('say').addEventListener('submit', (event) => {
	event.preventDefault();
	const line = document.getElementById('line');
	if (!line.value.trim()) return;
	const before = localStorage.getItem('said');
	localStorage.setItem('said', (before ? before + '\n' : '') + line.value.trim());
	line.value = '';
	showSaid();
	showKept();
});

document.getElementById('logout').addEventListener('click', async () => {
	await fetch('/api/logout', {method: 'POST'});
	location.assign('/?signed-out');
});
