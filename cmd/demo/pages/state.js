// Keeps a page that stays open true: the numbers of live sessions, and whether somebody is signed in here.
'use strict';

async function showState() {
	const state = await (await fetch('/state.json')).json();
	for (const number of document.querySelectorAll('[data-live]')) {
		number.textContent = state.live[number.dataset.live];
	}
	if (window.showChat) showChat(state.user);
	return state;
}

// Somebody comes back to this page, and may have logged out elsewhere meanwhile.
async function lookAgain() {
	if (document.visibilityState !== 'visible') return;
	const state = await showState();
	if (!window.showChat && state.user !== (document.documentElement.dataset.user || '')) location.reload();
}

addEventListener('focus', lookAgain);
addEventListener('visibilitychange', lookAgain);
addEventListener('pageshow', (event) => event.persisted && lookAgain());
showState();
