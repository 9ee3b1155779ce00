export { useLive } from "../../ui/live.ts";
