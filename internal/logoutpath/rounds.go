package logoutpath

const OwnParameter = "universal-logout"
