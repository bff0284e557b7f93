// The words of the auditors' pages.
export default {
  "column.actor": "Who",
  "column.action": "What",
  "column.object": "Object",
  "changes.lead": "Everything that was changed by somebody, as the ledger recorded it. Secrets are masked.",
  "changes.none": "Nothing was changed in this period",
};
