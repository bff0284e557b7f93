// The words of this part.
export default {
};
