// 审计各页的文字。
export default {
  "column.actor": "操作者",
  "column.action": "操作",
  "column.object": "对象",
  "changes.lead": "账本所记录的每一次人为变更，机密内容已遮盖。",
  "changes.none": "该时段内没有变更",
};
