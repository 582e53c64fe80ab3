import { toPattern } from "./words.ts";
import { allHoursText, HOUSE, hoursText } from "./facts.ts";
import type { Weekday } from "./facts.ts";

/** Questions that are answered from the facts, whatever else is going on. First match first. */
export interface Asked {
  readonly text: string;
  readonly weekday: Weekday | undefined;
  /** The last topic, for "and on Sunday?". */
  readonly topic: string | undefined;
}

export interface Topic {
  readonly id: string;
  readonly says: (asked: Asked) => string;
  readonly fits: (asked: Asked) => boolean;
}

function topic(id: string, pattern: RegExp, says: string | ((asked: Asked) => string)): Topic {
  return {
    id,
    fits: ({ text }) => pattern.test(text),
    says: typeof says === "string" ? () => says : says,
  };
}

/** Asked in many ways, and always answered in the same: nobody is to be deceived. */
const WHO = toPattern(
  String.raw`\b(?:(?:are|r) you (?:a |an |really |actually |even )*(?:robot|human|real|`,
  String.raw`person|bot|machine|computer|ai|program|recording|language model|chatbot|llm|`,
  String.raw`assistant|alive)|who are you|what are you|who is this|who am i (?:talking|`,
  String.raw`speaking)|am i (?:talking|speaking) (?:to|with)|is this (?:a |an )?`,
  String.raw`(?:real |actual |live )?(?:robot|`,
  String.raw`bot|ai|recording|machine|person|human|computer)|chat ?gpt|gpt|`,
  String.raw`language model|large model|artificial intelligence|what model|which model|`,
  String.raw`siri|alexa|who (?:made|built|created|programmed) you|how do you work|`,
  String.raw`(?:what kind of|what) (?:ai|bot|model|program|system))\b`,
);
const HOLIDAY = toPattern(
  String.raw`\b(?:holidays?|christmas|easter|new years?|thanksgiving|bank holiday|`,
  String.raw`july 4th|4th of july)\b`,
);
const HOURS = toPattern(
  String.raw`\b(?:opening|open|opens|hours?|close|closes|closing|closed|how late|`,
  String.raw`how early|last orders?|what time do you|what time are you|when (?:do|are|`,
  String.raw`can|is) (?:you|i|we|it) (?:open|close|come)|what days|(?:what|`,
  String.raw`which) (?:times|slots) (?:do|are|can|have)|when can (?:i|we) come)\b`,
);
/** Hours of another kind: "an hour later" moves a booking. */
const NOT_HOURS = toPattern(
  String.raw`\bhours? (?:later|earlier)|half an hour|an hour later|within the hour|`,
  String.raw`open a\b|happy hour`,
);

/** Also follows up: after an answer about hours a bare "and on Sunday?" is about hours. */
const HOURS_TOPIC: Topic = {
  id: "hours",
  fits: ({ text, weekday, topic: last }) =>
    (HOURS.test(text) && !NOT_HOURS.test(text)) ||
    (HOLIDAY.test(text) && /\b(?:open|what about|how about|and)\b/.test(text)) ||
    ((last === "hours" || last === "holidays") &&
      (weekday !== undefined || /\bweek(?:end|days?)\b/.test(text)) &&
      !/\b(?:table|book|reserve|reservation|people|to (?:come|visit|eat|dine))\b/.test(text)),
  says: ({ text, weekday }) => {
    if (HOLIDAY.test(text))
      return "We are closed on Christmas and New Year's Day; other holidays are like Sunday.";
    if (/\bweekends?\b/.test(text)) return `${hoursText("Saturday")} ${hoursText("Sunday")}`;
    if (/\bweekdays?\b/.test(text) && !weekday)
      return "On weekdays we are open from 11:30 am to 10 pm.";
    if (weekday) return hoursText(weekday);
    if (/\b(?:now|today|tonight|tomorrow|right now)\b/.test(text))
      return `I have no calendar here. ${allHoursText()}`;
    return allHoursText();
  },
};

const WHO_SAYS =
  `I am a small rule-based program, not a large language model. I answer questions about ` +
  `${HOUSE.name} and take bookings.`;

/** The order is the order of the answers; `matchTopics` takes the first two. */
export const TOPICS: readonly Topic[] = [
  topic("who", WHO, WHO_SAYS),
  topic(
    "human",
    toPattern(
      String.raw`\b(?:speak|talk|connect|transfer|put me through|reach|get) (?:me )?(?:to|`,
      String.raw`with|through to)? ?(?:a |an |the |your |some )?(?:real |live |`,
      String.raw`actual )?(?:human|person|someone|somebody|manager|agent|staff|operator|`,
      String.raw`representative|owner|chef|people|boss)\b|^(?:a )?(?:real |live )?(?:human|`,
      String.raw`person|operator|agent)$|\bmanager\b`,
    ),
    `I cannot pass you on, but the staff answer at ${HOUSE.phone} during opening hours.`,
  ),
  topic(
    "name",
    /\b(?:whats|what is) your name\b|\bdo you have a name\b/,
    `I have no name; I answer the phone for ${HOUSE.name}.`,
  ),
  HOURS_TOPIC,
  topic(
    "parking",
    toPattern(
      String.raw`\b(?:park|parking|car park|garage|valet|where (?:can|do|should) (?:i|`,
      String.raw`we) (?:leave|put) (?:my|our|the) car|drive there|(?:my|our|the|a) car)\b`,
    ),
    "Yes, there is a free car park behind the house, with a charger for electric cars.",
  ),
  topic(
    "transit",
    /\b(?:bus|train|station|metro|subway|tram|underground|public transport|airport)\b/,
    "The number 5 bus stops at the old library, and the train station is ten minutes on foot.",
  ),
  topic(
    "address",
    toPattern(
      String.raw`\b(?:address|located|location|where are you|where is (?:it|the restaurant|`,
      String.raw`that|this|your)|wheres (?:it|the)|directions|find you|get (?:there|to you)|`,
      String.raw`what street|which street|where exactly|where can i find|where about|`,
      String.raw`whereabouts|how far)\b`,
    ),
    `We are at ${HOUSE.address}.`,
  ),
  topic(
    "walkIn",
    toPattern(
      String.raw`\b(?:(?:do|would|will) (?:i|we) (?:need|have) (?:a |to )?(?:reservation|`,
      String.raw`book|booking|reserve)|without (?:a )?(?:reservation|booking|booking)|`,
      String.raw`walk ?ins?|just (?:turn|show) up|is (?:a )?(?:booking|`,
      String.raw`reservation) (?:required|necessary|needed))\b`,
    ),
    "You can walk in at lunch; for the evening and the weekend it is better to book.",
  ),
  topic(
    "groups",
    toPattern(
      String.raw`\b(?:private (?:room|dining|event|party)|(?:large|big) (?:group|party|`,
      String.raw`parties)|function room|wedding|conference|host an? (?:event|party))\b`,
    ),
    `We seat up to ${HOUSE.peopleMax} at one table. For larger parties please call ${HOUSE.phone}.`,
  ),
  topic(
    "payment",
    toPattern(
      String.raw`\b(?:(?:pay|payment|accept|take) (?:by |with |in )?(?:credit |`,
      String.raw`debit )?(?:cards?|cash|amex|visa|mastercard|apple|google|american|`,
      String.raw`contactless)|credit cards?|debit cards?|apple pay|how (?:can|do) (?:i|`,
      String.raw`we) pay|payment methods?|cash only|split the bill)\b`,
    ),
    "We take cash, all common cards and phone payments.",
  ),
  topic(
    "deposit",
    toPattern(
      String.raw`\b(?:deposit|cancellation (?:fee|policy|charge)|cancel(?:ling|ing)? (?:fee|`,
      String.raw`policy)|charge (?:me )?(?:for|if) (?:i |we )?cancel|no ?show|`,
      String.raw`pay (?:up front|in advance))\b`,
    ),
    "There is no deposit, and you can cancel free of charge up to two hours before.",
  ),
  topic(
    "gift",
    /\b(?:gift (?:card|voucher|certificate)s?|vouchers?)\b/,
    "Yes, we sell gift vouchers at the bar from 20 dollars.",
  ),
  topic(
    "diet",
    toPattern(
      String.raw`\b(?:vegetarian|vegan|vegetarians|vegans|plant based|meat free|gluten|`,
      String.raw`celiac|coeliac|lactose|dairy|nuts?|allerg(?:y|ies|ic)|halal|kosher|`,
      String.raw`intoleran(?:t|ce)|diabetic|pescatarian)\b`,
    ),
    "Yes, we have vegetarian, vegan and gluten-free dishes. Please tell us of any allergy.",
  ),
  topic(
    "children",
    toPattern(
      String.raw`\b(?:kids?|children|child friendly|high ?chairs?|bab(?:y|ies)|toddlers?|`,
      String.raw`pram|pushchair|stroller)\b(?! and)(?!.*\badults\b)`,
    ),
    "Children are welcome: we have high chairs and a small menu for 9 dollars.",
  ),
  topic(
    "dogs",
    /\b(?:dogs?|pets?|puppy|cat|animals?)\b/,
    "Dogs are welcome on the terrace, but not inside.",
  ),
  topic(
    "access",
    toPattern(
      String.raw`\b(?:wheelchairs?|accessible|accessibility|disabled|disability|step free|`,
      String.raw`ramp|elevator|lift|stairs)\b`,
    ),
    "Yes, the house is step-free and has an accessible restroom.",
  ),
  topic("wifi", /\b(?:wifi|wi fi|internet)\b/, "Yes, the wireless network is free for guests."),
  topic(
    "outside",
    toPattern(
      String.raw`\b(?:outside|outdoors?|terrace|garden|patio|al fresco|window (?:seat|table)|`,
      String.raw`by the window|quiet (?:table|corner)|booth)\b`,
    ),
    "We have a terrace and window tables; they go to whoever comes first.",
  ),
  topic(
    "takeaway",
    toPattern(
      String.raw`\b(?:take ?away|take ?out|to go|deliver(?:y|ies)?|deliver|pick ?up|`,
      String.raw`collection|order (?:food|online))\b`,
    ),
    "We offer takeaway until 9 pm, but we do not deliver.",
  ),
  topic(
    "dress",
    /\b(?:dress code|what (?:should|do|can) (?:i|we) wear|jacket|smart casual|jeans)\b/,
    "There is no dress code: come as you are.",
  ),
  topic(
    "birthday",
    /\b(?:birthday|anniversary|cake|candles?|celebrat\w+|surprise)\b/,
    "How nice! You may bring a cake, and we light the candles.",
  ),
  topic(
    "phone",
    toPattern(
      String.raw`\b(?:(?:your|the|a) (?:phone|telephone|contact) number|number to call|`,
      String.raw`(?:whats|what is) your number|call you back)\b`,
    ),
    `The number is ${HOUSE.phone}.`,
  ),
  topic(
    "web",
    /\b(?:website|web ?site|web page|online|e ?mail|instagram|facebook)\b/,
    "We have no website; this line is the best way to reach us.",
  ),
  topic(
    "music",
    /\b(?:music|band|jazz|live|noisy|loud)\b/,
    "There is live jazz on Friday evenings from 8 pm.",
  ),
  topic(
    "stay",
    /\b(?:how long (?:can|do) (?:we|i) (?:have|keep|stay)|time limit|table for how long)\b/,
    "The table is yours for two hours.",
  ),
  topic(
    "wait",
    /\b(?:how busy|is it busy|are you busy|waiting time|wait time|how long is the wait)\b/,
    "Evenings from 7 are busy; lunch is quiet.",
  ),
  topic(
    "work",
    /\b(?:hiring|job|jobs|vacanc(?:y|ies)|work for you|apply)\b/,
    `Please call the manager at ${HOUSE.phone} about work.`,
  ),
  topic(
    "complaint",
    /\b(?:complain|complaint|refund|terrible|disappointed)\b/,
    `I am sorry to hear that. Please call ${HOUSE.phone}, so that the owner can put it right.`,
  ),
  topic(
    "people",
    /\b(?:who is|whos) (?:the|your) (?:chef|owner|cook|boss)\b/,
    "Ines runs the kitchen, and her brother Paul owns the house.",
  ),
  topic(
    "size",
    /\b(?:how (?:big|many seats|many tables|many people (?:fit|can))|capacity)\b/,
    `We have 40 seats, and up to ${HOUSE.peopleMax} at one table.`,
  ),
  topic(
    "ownWine",
    /\b(?:bring (?:my|our|your) own|corkage|byob)\b/,
    "You may bring your own bottle; opening it costs 10 dollars.",
  ),
  topic(
    "lost",
    /\b(?:lost|forgot|left) (?:my|a|an|our|something)\b/,
    `For lost things please call the staff at ${HOUSE.phone}.`,
  ),
  topic(
    "prices",
    /\b(?:prices?|pricing|costs?|how much|expensive|cheap|rates?|fee|fees|charge|budget)\b/,
    ({ text }) => priceText(text),
  ),
  topic(
    "drinks",
    toPattern(
      String.raw`\b(?:wines?|beers?|cocktails?|drinks?|bar|alcohol|corkage|byob|coffee|tea|`,
      String.raw`happy hour)\b`,
    ),
    "We have wine by the glass from 7 dollars, local beer, cocktails and good coffee.",
  ),
  topic(
    "dishes",
    toPattern(
      String.raw`\b(?:recommend(?:ation|ed|s)?|special(?:s|ity|ties|ty)?|best dish|signature|`,
      String.raw`popular|what should (?:i|we) (?:eat|order|have)|whats good|dessert|fish|`,
      String.raw`steak|pizza|pasta|soup)\b`,
    ),
    "The guests' favourite is the slow-roasted lamb; the baked celeriac is the vegan one.",
  ),
  topic(
    "brunch",
    /\b(?:breakfast|brunch)\b/,
    "We serve brunch on Saturday and Sunday from 10 am to 1 pm.",
  ),
  topic(
    "menu",
    toPattern(
      String.raw`\b(?:menus?|serve|serving|cuisine|kind of (?:food|restaurant|place)|`,
      String.raw`type of (?:food|restaurant)|what food|services?|what do you (?:offer|sell|`,
      String.raw`cook|make))\b`,
    ),
    "We cook seasonal European food: lunch is 18 dollars, and a three-course dinner is 42.",
  ),
  topic(
    "other",
    toPattern(
      String.raw`\b(?:doctor|dentist|haircut|hair cut|massage|nurse|check ?up|hotel|`,
      String.raw`rooms? for the night|physio\w*|blood test|invoice|flight)\b`,
    ),
    `This is ${HOUSE.name}, a restaurant, so I can only help with tables and questions about us.`,
  ),
  topic(
    "help",
    toPattern(
      String.raw`\b(?:what (?:else )?can you (?:do|help)|what do you do|what can i (?:ask|`,
      String.raw`say|do)|how (?:can|does) (?:you|this) (?:help|work)|what are my options|`,
      String.raw`what do you know|help me$|^help$)\b|^help( please)?$`,
    ),
    "I know our hours, prices, parking and address, and I can book, change or cancel a table.",
  ),
  topic(
    "joke",
    /\b(?:joke|funny|make me laugh)\b/,
    "I know one: why did the tomato blush? It saw the salad dressing.",
  ),
  topic(
    "weather",
    /\b(?:weather|rain|raining|sunny|temperature outside|forecast)\b/,
    "I cannot see the weather from here.",
  ),
  topic(
    "clock",
    toPattern(
      String.raw`\b(?:what time is it|whats the time|what day is (?:it|today)|whats the date|`,
      String.raw`what date)\b`,
    ),
    "I have neither a clock nor a calendar, I am afraid.",
  ),
  topic(
    "language",
    toPattern(
      String.raw`\b(?:speak (?:spanish|french|german|italian|chinese|\w+ish)|other languages|`,
      String.raw`in spanish|in french|in german|espanol|deutsch)\b`,
    ),
    "I only understand English, sorry.",
  ),
  topic(
    "howAreYou",
    toPattern(
      String.raw`\b(?:how are you|how are things|hows it going|how do you do|how you doing|`,
      String.raw`whats up|how is your day)\b`,
    ),
    "All is well here, thank you.",
  ),
  topic(
    "feelings",
    toPattern(
      String.raw`\b(?:i love you|marry me|you(?:re| are) (?:stupid|dumb|useless|silly|cute|`,
      String.raw`funny|awful))\b`,
    ),
    "I am only a program, but I will do my best.",
  ),
];

function priceText(text: string): string {
  if (/\blunch\b/.test(text)) return "Lunch is 18 dollars for two courses.";
  if (/\bdinner\b/.test(text)) return "Dinner is 42 dollars for three courses.";
  if (/\b(?:brunch|breakfast)\b/.test(text)) return "Brunch is 21 dollars with coffee.";
  if (/\b(?:kids?|child|children)\b/.test(text)) return "The children's menu is 9 dollars.";
  if (/\b(?:wine|beer|drinks?|cocktails?|glass)\b/.test(text))
    return "A glass of wine is from 7 dollars, and cocktails are 11.";
  if (/\b(?:book|booking|table|reservation|park|parking)\b/.test(text))
    return "That is free of charge.";
  return "Lunch is 18 dollars for two courses, and dinner is 42 for three.";
}

/** At most two answers to one utterance: more would be a lecture. */
export function matchTopics(asked: Asked): readonly Topic[] {
  const found = TOPICS.filter((one) => one.fits(asked));
  // "How much is parking" is about parking; the general question gives way to the special one.
  const special = found.filter((one) => !["menu", "help", "howAreYou"].includes(one.id));
  return (special.length > 0 ? special : found).slice(0, 2);
}
