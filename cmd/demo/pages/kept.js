// What the apps keep in the browser, and the box that shows it.
'use strict';

async function showKept() {
	const kept = Object.entries(localStorage).map(([key, value]) => `${key}: ${value}`);
	try {
		const workers = await navigator.serviceWorker.getRegistrations();
		if (workers.length) kept.push('a service worker');
		const copies = await caches.keys();
		if (copies.length) kept.push('an offline copy of the app');
	} catch {} // some private windows have neither
	document.getElementById('kept').textContent = kept.join('\n') || 'nothing';
}

for (const field of document.querySelectorAll('[data-keep]')) {
	field.value = localStorage.getItem(field.dataset.keep) || '';
	field.addEventListener('input', () => {
		localStorage.setItem(field.dataset.keep, field.value);
		showKept();
	});
}

for (const button of document.querySelectorAll('[data-count]')) {
	button.addEventListener('click', () => {
		const key = button.dataset.count;
		localStorage.setItem(key, Number(localStorage.getItem(key)) + 1);
		showKept();
	});
}

showKept();
