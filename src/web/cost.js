import { element } from "./dom.js";

/** What a call costs, beside its state: the sum, and that it does not hold what has no price. */
const PICO_PER_USD = 1e12;
/** Less than this is said so, and not as nothing. */
const LEAST_USD = 0.0001;

/** Digits that stand still while the sum grows: four, and from 10 USD on two. */
export function usd(pico) {
  const amount = Number(pico) / PICO_PER_USD;
  if (amount === 0) return "$0";
  if (amount > 0 && amount < LEAST_USD) return `< $${LEAST_USD}`;
  return `$${amount.toFixed(amount < 10 ? 4 : 2)}`;
}

export function showCost(place, { totalPico, services, unpriced, running }) {
  const parts = services.map(({ service, amountPico }) => `${service} ${usd(amountPico)}`);
  const sum = element("span", { className: "cost" }, usd(totalPico));
  sum.title = parts.join("\n") || "nothing that has a price was used";
  const more = running ? [element("small", {}, " so far")] : [];
  const open = unpriced.map(
    ({ provider, model, meter, quantity }) => `${provider}/${model}: ${quantity} ${meter}`,
  );
  const badge = element("span", { className: "badge fair" }, "+ what has no price");
  badge.title = open.join("\n");
  const isNothing = totalPico === "0" && services.length === 0 && open.length > 0;
  if (isNothing) badge.textContent = "no price is known";
  place.replaceChildren(...(isNothing ? [] : [sum, ...more]), ...(open.length > 0 ? [badge] : []));
}
