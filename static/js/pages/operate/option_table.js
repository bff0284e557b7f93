// Where each option stands on the page, and what kind of text it holds where the API says only "text". Words are in locales/*/options.js.
import { groupLimits, modelLimits, names, policies, rates, ratios, scores, texts } from "./option_checks.js";

/** Groups of the page, in parts; options that the API has and this table does not are shown under "other". */
export const GROUPS = [
  { id: "general", parts: [
    { id: "", names: ["SystemName", "ServerAddress", "Logo", "TopUpLink", "ChatLink", "DisplayInCurrencyEnabled", "DisplayTokenStatEnabled"] },
    { id: "fixed", names: ["QuotaPerUnit", "Theme"] },
  ] },
  { id: "texts", parts: [{ id: "", names: ["Notice", "HomePageContent", "About", "Footer"] }] },
  { id: "signin", parts: [
    { id: "", names: ["PasswordLoginEnabled"] },
    { id: "github", names: ["GitHubOAuthEnabled", "GitHubClientId", "GitHubClientSecret", "GitHubAddress", "GitHubApiAddress"] },
    { id: "lark", names: ["LarkClientId", "LarkClientSecret", "LarkAddress"] },
    { id: "oidc", names: ["OidcEnabled", "OidcWellKnown", "OidcClientId", "OidcClientSecret", "OidcAuthorizationEndpoint", "OidcTokenEndpoint", "OidcUserinfoEndpoint"] },
    { id: "wechat", names: ["WeChatAuthEnabled", "WeChatServerAddress", "WeChatServerToken", "WeChatAccountQRCodeImageURL"] },
  ] },
  { id: "registration", parts: [
    { id: "", names: ["RegisterEnabled", "PasswordRegisterEnabled", "EmailVerificationEnabled", "EmailDomainRestrictionEnabled", "EmailDomainWhitelist"] },
    { id: "credit", names: ["QuotaForNewUser", "QuotaForNewUserValidDays", "QuotaForInvitee", "QuotaForInviter", "InviteRewardsPerDay"] },
    { id: "turnstile", names: ["TurnstileCheckEnabled", "TurnstileSiteKey", "TurnstileSecretKey", "TurnstileVerifyUrl"] },
  ] },
  { id: "mail", parts: [{ id: "", names: ["SMTPServer", "SMTPPort", "SMTPAccount", "SMTPToken", "SMTPFrom"] }] },
  { id: "notices", parts: [
    { id: "", names: ["QuotaRemindThreshold", "NoticeReceivers"] },
    { id: "pusher", names: ["MessagePusherAddress", "MessagePusherToken"] },
    { id: "webhook", names: ["NoticeWebhookUrl", "NoticeWebhookSecret", "NoticeUrlTemplate"] },
  ] },
  { id: "payments", parts: [
    { id: "", names: ["PaymentRates", "TopUpMinUsd", "TopUpMaxUsd", "TopUpOpenOrders"] },
    { id: "shop", names: ["PaymentShopAddress", "PaymentWebhookSecret", "PaymentWebhookOldSecret"] },
    { id: "epay", names: ["EpayAddress", "EpayId", "EpayKey", "EpayMethods"] },
    { id: "stripe", names: ["StripeSecretKey", "StripeWebhookSecret", "StripeCurrency", "StripeApiBase"] },
  ] },
  { id: "ratios", parts: [{ id: "", names: ["GroupRatio", "UserUsableGroups", "ModelRatio", "CompletionRatio"] }] },
  { id: "limits", parts: [{ id: "", names: ["GroupLimits", "ModelLimits"] }] },
  { id: "care", parts: [{ id: "", names: ["AutomaticDisableChannelEnabled", "AutomaticEnableChannelEnabled", "ChannelDisableThreshold"] }] },
  { id: "relay", parts: [
    { id: "", names: ["RetryTimes"] },
    { id: "policies", names: ["InterruptionPolicy", "EmptyAnswerPolicy", "UpstreamErrorPolicy", "ReversalApprovalUsd"] },
    { id: "fixed", names: ["LogConsumeEnabled", "PreConsumedQuota", "ApproximateTokenEnabled"] },
  ] },
  { id: "safety", parts: [
    { id: "words", names: ["CheckSensitiveEnabled", "SensitiveWords"] },
    { id: "moderation", names: ["ModerationEnabled", "ModerationModel", "ModerationGroups", "ModerationImages", "ModerationThresholds", "ModerationOnFailure"] },
  ] },
];

const DRAIN = ["drain", "estimate", "input", "free"];
const EMPTY = ["reported", "input", "free"];
const ERROR = ["free", "input", "reported"];

/** JSON options: `check` finds what the server would refuse, `table` says how they can be edited as rows. */
export const MAPS = {
  GroupRatio: { check: ratios, table: "number" },
  ModelRatio: { check: ratios },
  CompletionRatio: { check: ratios },
  UserUsableGroups: { check: texts, table: "text" },
  PaymentRates: { check: rates, table: "text" },
  GroupLimits: { check: groupLimits, limits: true },
  ModelLimits: { check: modelLimits, limits: true },
  ModerationThresholds: { check: scores, table: "number" },
  InterruptionPolicy: { check: policies(DRAIN), table: "choice", choices: DRAIN },
  EmptyAnswerPolicy: { check: policies(EMPTY), table: "choice", choices: EMPTY },
  UpstreamErrorPolicy: { check: policies(ERROR), table: "choice", choices: ERROR },
};
export const CHOICES = { ModerationOnFailure: ["refuse", "allow"] };
const RICH = ["Notice", "About", "HomePageContent", "Footer"];
const LINES = ["SensitiveWords"];
const QUOTA = ["QuotaForNewUser", "QuotaForInvitee", "QuotaForInviter", "QuotaRemindThreshold"];

/** "boolean", "integer", "quota", "text", "lines", "rich", "json", "choice" or "secret". */
export function kindOf(name, { kinds, secrets }) {
  if (name in secrets) return "secret";
  if (name in MAPS) return "json";
  if (name in CHOICES) return "choice";
  if (RICH.includes(name)) return "rich";
  if (LINES.includes(name)) return "lines";
  return QUOTA.includes(name) ? "quota" : kinds[name] ?? "text";
}

/** The groups with all that the API has: what the table does not know comes last. */
export function groupsWith(all) {
  const known = new Set(GROUPS.flatMap(({ parts }) => parts.flatMap((part) => part.names)));
  const there = new Set(all);
  const groups = GROUPS.map(({ id, parts }) => ({ id, parts: parts.map((part) => ({ ...part, names: part.names.filter((name) => there.has(name)) })) }));
  const rest = names(all.filter((name) => !known.has(name)));
  return rest.length ? [...groups, { id: "other", parts: [{ id: "", names: rest }] }] : groups;
}
