"""Services that vouch for people: GitHub, Lark, WeChat's companion server, any OpenID provider."""
