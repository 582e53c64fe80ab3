import { toPattern } from "./words.ts";

/** Turns of phrase by what they mean. All match normalised text. */
export const REPEAT = toPattern(
  String.raw`\b(?:repeat|say (?:that|it) again|say again|pardon|come again|`,
  String.raw`what did you (?:just )?say|did(?:nt| not) (?:catch|hear|get|understand)|`,
  String.raw`once more|1 more time|slower|more slowly|what was that|could not hear|`,
  String.raw`couldnt hear)\b|^(?:what|sorry|huh|excuse me|go on|continue|carry on|`,
  String.raw`you were saying)$`,
);
/** Drops what is in the making; never a booking that is done. */
export const NEVER_MIND = toPattern(
  String.raw`\b(?:never ?mind|forget (?:it|that|about it)|drop it|dont bother|leave it|`,
  String.raw`changed my mind|scrap that)\b`,
);
export const CANCEL = toPattern(
  String.raw`\bcancel|\bcall (?:it )?off\b|\b(?:cant|cannot|wont|`,
  String.raw`not) (?:be able to )?(?:make it|come)\b|\b(?:dont|no longer) need (?:the|my|`,
  String.raw`a) (?:table|booking|reservation)\b`,
);
export const CHANGE = toPattern(
  String.raw`\b(?:chang(?:e|ing)|move|reschedul(?:e|ing)|modify|update|amend|postpone|`,
  String.raw`push|bring forward|switch|adjust|edit)\b`,
);
/** Words of correction. With one of them a bare value changes what is known. */
export const FIX = toPattern(
  String.raw`\b(?:no|not|actually|mean|meant|said|make (?:it|that)|instead|rather|sorry|`,
  String.raw`wrong|could we do|can we do|can you do|later|earlier|more people|`,
  String.raw`another person|better|prefer)\b`,
);
/** Loose on purpose: "do you have anything free" is a wish for a table too. */
export const BOOK = toPattern(
  String.raw`\b(?:book|books|booked|booking|reserve|reserving|reservation|tables?|`,
  String.raw`appointment|schedule|slots?|availability|available|space|seat us|come (?:in|`,
  String.raw`by|over) (?:on|for|at)|(?:like|want|love|hoping|planning) to (?:come|visit|`,
  String.raw`eat|dine|have (?:dinner|lunch))|squeeze us in|fit us in|free on|have (?:dinner|`,
  String.raw`lunch) (?:with you|there|at yours)|make a new (?:1|booking))\b`,
);
/** A wish for a table beside a question: "for my birthday I need a table". */
export const WANTS = toPattern(
  String.raw`\b(?:like|want|wanna|need|can (?:i|we|you)|could (?:i|we|you)|may i|make|`,
  String.raw`please)\b.*\b(?:book|reserve|reservation|booking|table|appointment)\b`,
);
export const ANOTHER = toPattern(
  String.raw`\b(?:another|second|1 more|also book|new) (?:table|booking|reservation|1)?\b`,
);
/** Asks for the booking to be read back, finished or not. */
export const STATUS = toPattern(
  String.raw`\b(?:(?:whats|what is|when is|whens|what was|read back|check|confirm|`,
  String.raw`details of|summary of) (?:my|the|our) (?:booking|reservation|table|`,
  String.raw`appointment|reference)|what (?:do you have (?:so far|for me|down|`,
  String.raw`under my name)|did (?:i|you|we) book|have (?:i|you|we) booked|do i have)|`,
  String.raw`read (?:it|that) back|my reference|reference number|is (?:it|that|`,
  String.raw`everything|my table) (?:booked|confirmed)|did you get (?:all )?that|`,
  String.raw`what (?:bookings?|reservations?) do i|what (?:time|day|date|name) (?:was|is|`,
  String.raw`did) (?:it|that|i|we) (?:again|book|say)|what time was (?:it|that))\b`,
);
export const BYE = toPattern(
  String.raw`\b(?:bye|goodbye|good bye|see you|see ya|have a (?:nice|good|great|`,
  String.raw`lovely) \w+|thats (?:all|it|everything)|that is (?:all|it|everything)|`,
  String.raw`thatll be all|that will be all|nothing else|im done|good night|cheerio|`,
  String.raw`hang up)\b`,
);
export const THANKS = /\b(?:thanks?|thank you|thx|cheers|appreciate|very kind|great help)\b/;
/** Only at the start: "hello" in the middle is a check whether anybody listens. */
export const HELLO = /^(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|yo)\b/;
export const THERE = toPattern(
  String.raw`\b(?:are you (?:still )?there|can you hear me|anybody there|anyone there|`,
  String.raw`hello hello|you there)\b`,
);
export const WAIT = toPattern(
  String.raw`\b(?:wait|hold on|hang on|1 (?:moment|second|sec|minute)|just a (?:moment|`,
  String.raw`second|sec|minute)|let me (?:think|check|see)|give me a)\b`,
);
/** Only at the start: "no, that is fine" is a no. */
export const YES = toPattern(
  String.raw`^(?:(?:oh|well|um) )?(?:yes|yeah|yep|yup|sure|ok|okay|correct|right|`,
  String.raw`thats right|that is right|exactly|please|please do|go ahead|of course|`,
  String.raw`absolutely|definitely|alright|all right|fine|sounds good|perfect|great|good|`,
  String.raw`wonderful|lovely|thats (?:fine|great|perfect|correct|good)|i would|i do|`,
  String.raw`id love to)\b`,
);
export const NO = toPattern(
  String.raw`^(?:(?:oh|well|um) )?(?:no|nope|nah|not really|no thanks|no thank you|`,
  String.raw`i dont think so|none|nothing)\b`,
);
