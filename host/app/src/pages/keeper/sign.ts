export { signOnce } from "../../once.ts";
