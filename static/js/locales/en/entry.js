// The words of what is there before one has signed in.
export default {
  "signin.title": "Sign in",
  "signin.username": "User name",
  "signin.password": "Password",
  "signin.go": "Sign in",
  "signin.going": "Signing in…",
  "signin.code": "Your account asks for a code of your authenticator as well, or a recovery code.",
  "signin.codefield": "Code of your authenticator",
  "signin.wrongcode": "The code is wrong, or was used already.",
  "signin.needs": "Enter a user name and a password.",
  "status.version": "Version",
  "status.since": "Running since",
  "status.state": "State",
  "status.api": "API address",
  "signin.wrong": "The user name or the password is not right.",
  "signin.barred": "You cannot sign in here: {reason}. Ask the operator.",
  "signin.slow": "Too many tries. Wait a little, then try again.",
};
