// 本部分的文字。
export default {
};
