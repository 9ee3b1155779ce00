// Files that go along: pictures are drawn anew, so that where and with what they were taken is gone; a PDF goes as it is.

import type { Bytes } from "../wire/bytes.ts";
import { limits } from "../wire/definitions.ts";
import { MAX_FILE_BYTES } from "./api.ts";
import { Failure } from "./failure.ts";

export const MAX_FILES = 8; // of a request; a report's photographs are capped by the wire
const MAX_NAME = 80;
const MAX_PICTURE_BYTES = 40 * 1024 * 1024; // before it is drawn anew: more than any phone's camera makes
const LONGEST_SIDE = 2000; // pixels: an A4 page stays readable, and 8 of them are sent in seconds
const QUALITY = 0.85;
const PDF = "application/pdf";

export interface Attachment {
  name: string;
  type: "image/jpeg" | "application/pdf";
  content: Bytes;
}

/** Takes a file as somebody chose it. Throws Failure: file_type, file_too_large, picture_unreadable. */
export async function takeFile(file: File, number: number): Promise<Attachment> {
  const start = new Uint8Array(await file.slice(0, 5).arrayBuffer());
  if (new TextDecoder().decode(start) === "%PDF-") {
    if (file.size > MAX_FILE_BYTES - limits.SALT) throw tooLarge(MAX_FILE_BYTES);
    return { name: plainName(file.name), type: PDF, content: new Uint8Array(await file.arrayBuffer()) };
  }
  if (!file.type.startsWith("image/")) throw new Failure("file_type", { name: plainName(file.name) });
  return { name: `${number}.jpg`, type: "image/jpeg", content: await redraw(file) };
}

/** A picture drawn anew as JPEG, at most LONGEST_SIDE pixels long. Nothing but its pixels is left. */
export async function redraw(file: Blob): Promise<Bytes> {
  if (file.size > MAX_PICTURE_BYTES) throw tooLarge(MAX_PICTURE_BYTES);
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch (error) {
    if (error instanceof DOMException) throw new Failure("picture_unreadable");
    throw error;
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw new Failure("picture_unreadable");
  context.fillStyle = "#fff"; // what was transparent is paper
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const drawn = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (!drawn) throw new Failure("picture_unreadable");
  return new Uint8Array(await drawn.arrayBuffer());
}

/** A file's name that changes nothing of what stands around it. */
export function plainName(name: string): string {
  // eslint-disable-next-line no-control-regex
  const plain = name.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069/\\]/g, "");
  return plain.length > MAX_NAME ? `${plain.slice(0, MAX_NAME - 5)}….pdf` : plain;
}

function tooLarge(bytes: number): Failure {
  return new Failure("file_too_large", { megabytes: bytes / 1024 / 1024 });
}
