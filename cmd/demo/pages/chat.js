// The chat: asks the server who is signed in, and shows the one half of the page or the other.
'use strict';

async function showChat() {
	const me = await (await fetch('/api/me')).json();
	document.getElementById('user').textContent = me.user;
	document.getElementById('live').textContent = me.live;
	document.getElementById('in').hidden = !me.user;
	document.getElementById('out').hidden = !!me.user;
}

document.getElementById('logout').addEventListener('click', async () => {
	await fetch('/api/logout', {method: 'POST'});
	location.reload();
});

showChat();
