import { AppError } from "./errors.ts";

/** What an optional package gives. Error `provider.missing`, saying how it is installed. */
export async function fromOptional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !message.includes(name)) throw cause;
    const fix = `npm install ${name}`;
    const what = `the package ${name} is not installed: ${fix}`;
    throw new AppError("provider.missing", what, { cause, detail: { fix } });
  }
}
