/** Whether a room's name is of a pattern in which `*` stands for any characters. */
export function matchesRoom(pattern: string, room: string): boolean {
  const pieces = pattern.split("*").map((piece) => RegExp.escape(piece));
  return new RegExp(`^${pieces.join(".*")}$`, "su").test(room);
}
