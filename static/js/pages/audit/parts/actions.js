// What people can do that the audit trail records.
export const ACTIONS = [
  "user.create", "user.update", "user.delete", "user.enable", "user.disable", "user.promote", "user.demote", "user.register", "user.bind", "user.unbind",
  "user.password_reset", "user.access_token", "access_token.create", "access_token.revoke", "session.end", "session.end_others", "second_factor.on", "second_factor.off",
  "key.create", "key.update", "key.rotate", "key.delete",
  "channel.create", "channel.update", "channel.delete", "channel.delete_disabled", "channel.enable", "channel.disable", "channel.models",
  "code.update", "code.delete", "code.revoke_batch", "option.update", "notice.resend", "payment.refused",
  "reversal.proposed", "reversal.approved", "reversal.rejected", "reversal.done",
];
