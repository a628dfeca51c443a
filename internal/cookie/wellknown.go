package cookie

// Names under which well-known software keeps sessions. They are compared
// without __Host- and its kin and without chunk suffixes.
var builtinSessionCookies = []string{
	// languages and frameworks
	"PHPSESSID", "JSESSIONID", "JSESSIONID*", "ASP.NET_SessionId", ".AspNetCore.*", ".ASPXAUTH",
	"connect.sid", "session", "sessionid", "session_id", "sessions", "sid", "SESSION", "SESSIONID",
	"*_session", "*-session", "*_sessid", "*_sid", "*.sid", "*_session_id", "_session*",
	"remember_token", "remember-me", "remember_me", "remember_user_token", "remember_web_*", "rememberme",
	"auth", "auth_token", "auth-token", "authtoken", "access_token", "refresh_token", "id_token",
	"accessToken", "refreshToken", "idToken", "token", "jwt", "jwt_token", "*-auth",
	"next-auth.session-token", "authjs.session-token", "sb-*",
	// apps
	"grafana_session*", "i_like_*", "gitea_incredible", "forgejo_incredible", "nc_session_id", "nc_token", "nc_username",
	"oc_sessionPassphrase", "_t", "_mastodon_session", "_gitlab_session*", "wordpress_logged_in_*",
	"wordpress_sec_*", "MoodleSession*", "argocd.token", "portainer_api_key", "R_SESS", "MMAUTHTOKEN",
	"MMUSERID", "MATOMO_SESSID", "immich_access_token", "pga4_session", "phpMyAdmin*", "pmaUser-*", "pmaAuth-*",
	"jupyterhub-hub-login", "jupyterhub-session-id", "jupyterhub-user-*", "rc_token", "rc_uid",
}

// The same of sign-in portals and providers: on a registrable domain that they
// share with apps, their cookies may reach the apps too.
var builtinProviderCookies = []string{
	"_oauth2_proxy*", "authelia_session", "authentik_session", "authentik_proxy_*", "_pomerium*",
	"_forward_auth*", "AUTHP_*", "mod_auth_openidc_session*", "KEYCLOAK_*", "AUTH_SESSION_ID*",
}

// Cookies that look like credentials and are none: bot checks, stickiness,
// statistics, consent, and tokens that pages need to log in again (CK-17).
var builtinKeepCookies = []string{
	"__cf*", "cf_*", "_cfuvid", "AWSALB*", "AWSELB*", "SERVERID*", "ARRAffinity*", "INGRESSCOOKIE",
	"BIGipServer*", "_ga*", "_gid", "_gcl*", "_pk_*", "_hj*", "ajs_*", "ph_*", "intercom-*",
	"*consent*", "CookieConsent*", "OptanonConsent", "euconsent*", "*lang*", "*locale*", "*theme*",
	"XSRF-TOKEN", "csrftoken", "csrf_token", "csrf-token", "_csrf*", "_xsrf", "XSRF*", "known_sign_in", "wp-settings-*",
}
