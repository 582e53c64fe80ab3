import { AppError } from "./errors.ts";

/** What optional packages give. Error `provider.missing`, saying how they are installed. */
export async function fromOptional<T>(
  names: string | readonly string[],
  load: () => Promise<T>,
): Promise<T> {
  const all = [names].flat();
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !all.some((name) => message.includes(name))) throw cause;
    const list = all.join(" ");
    const fix = `npm install ${list}`;
    const what =
      all.length === 1
        ? `the package ${list} is not installed: ${fix}`
        : `of the packages ${list} not all are installed: ${fix}`;
    throw new AppError("provider.missing", what, { cause, detail: { fix } });
  }
}
