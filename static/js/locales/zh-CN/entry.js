// 登录之前各页的文字。
export default {
  "signin.title": "登录",
  "signin.username": "用户名",
  "signin.password": "密码",
  "signin.go": "登录",
  "signin.going": "正在登录…",
  "signin.code": "此账户还需要验证器中的验证码，或一个恢复码。",
  "signin.codefield": "验证器验证码",
  "signin.wrongcode": "验证码不正确，或已被使用。",
  "signin.needs": "请输入用户名和密码。",
  "status.version": "版本",
  "status.since": "启动时间",
  "status.state": "状态",
  "status.api": "API 地址",
  "signin.wrong": "用户名或密码不正确。",
  "signin.barred": "无法登录：{reason}。请联系管理员。",
  "signin.slow": "尝试次数过多，请稍后再试。",
};
