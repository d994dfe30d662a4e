// Composes the messages of the sample city desk from phrases, frames, tones, slips of the keyboard and three languages.
#include "logs/generate_desk.h"

#include <algorithm>
#include <cctype>
#include <span>

namespace retort::logs {
namespace {

using Words = std::span<const std::string_view>;

template <typename Range>
std::string_view pick(Random& random, const Range& items) {
  return items[random.below(std::size(items))];
}

constexpr std::string_view kStreets[] = {"Mill Lane",   "Quarry Road",   "Harbour Street", "Weaver Street", "Station Road", "Abbey Close", "Ferry Lane",   "Orchard Way",
                                         "Lower Market", "Chapel Street", "Cooper Street",  "River Walk",    "Castle Hill",  "North Gate",  "Linden Avenue", "Tanner Row",
                                         "Bridge Street", "Summer Lane",  "Glass Street",   "Old Docks",     "Priory Road",  "Meadow Rise", "Canal Street", "Bishop Street"};
constexpr std::string_view kDays[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
constexpr std::string_view kMonths[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
constexpr std::string_view kNames[] = {"M. Okafor", "Jan Novak", "Mrs Lindqvist", "T. Byrne", "Aylin", "P. Castellano", "Ruth", "D. Ferreira", "Mr Haddad", "Ingrid", "S. Kowal", "Leo"};

constexpr std::string_view kPlaces[] = {"in {street}", "at the corner of {street}", "near {street} {n}", "in {street}", "behind {street} {n}"};
constexpr std::string_view kSince[] = {"since {day}", "for {n} days", "since {month}", "for {n} weeks", "since last {day}"};

// {a}: the noun phrase of the kind that is not meant; {b}: of the kind that is. Most frames stand in both orders.
constexpr std::string_view kNounFrames[] = {
    "I am not writing about {a} but about {b}", "this is about {b}, not about {a}", "it is not {a} that worries me, it is {b}",
    "it is {b} that worries me and not {a}", "{a} is settled, {b} is not", "{b} is still open, {a} is done",
    "you answered me about {a} when I had asked about {b}", "I had asked about {b} and you answered me about {a}",
    "my last message was about {a}, this one is about {b}", "this message is about {b}, the one before was about {a}",
    "I called about {b} and was put through to the people for {a}", "the man on the phone talked about {a}, what I want to know is how to go on with {b}",
    "forget {a}, I only need help with {b}", "I only need help with {b}, forget {a}", "{a} can wait, {b} cannot", "{b} cannot wait, {a} can",
    "before we talk about {a}, please deal with {b}", "please deal with {b} before we talk about {a}",
    "my neighbour writes to you about {a}, I write about {b}", "I write about {b}, my neighbour writes to you about {a}",
    "with {a} everything went well, with {b} nothing does", "nothing goes right with {b}, everything went well with {a}",
    "I have {a} in hand already, so the question is {b}", "your letter speaks of {a}, but I never asked for that; I asked about {b}",
    "I asked about {b}; your letter speaks of {a}, but I never asked for that", "rather than {a}, it is {b} I have a question about",
    "I have a question about {b} rather than {a}", "do not send me to the desk for {a} again, send me to the one for {b}",
    "send me to the desk for {b}, not to the one for {a} again", "first I thought it was {a}, in fact it is {b}",
    "in fact it is {b}, though at first I thought it was {a}", "there is {b} to be looked at; {a} is fine", "{a} is fine, but {b} has to be looked at",
    "thanks for {a}, now to {b}", "now to {b}, and thanks for {a}", "unlike {a}, {b} was never taken care of", "{b} was never taken care of, unlike {a}"};
// {qa}, {qb}: a whole clause of either kind.
constexpr std::string_view kAskMeantFrames[] = {
    "this has nothing to do with {a}: {qb}", "{qb}. this has nothing to do with {a}", "I do not mean {a}. {qb}",
    "{qb}. please do not take this for a question about {a}", "you helped me with {a} already. now this: {qb}", "{a} was dealt with in {month}, thank you. {qb}",
    "on the phone they said this was {a}. it is not. {qb}", "I know that {a} is another office. {qb}", "{qb}, and no, I am not asking about {a}"};
constexpr std::string_view kAskOtherFrames[] = {
    "in {month} I wrote to you: {qa}. that is settled. today it is about {b}", "my neighbour will write to you: {qa}. I only write about {b}",
    "your form offers me this: {qa}. that is not my case, mine is {b}", "somebody wrote in my name: {qa}. please ignore that, I need help with {b}",
    "today it is about {b}. the other message ({qa}) is settled", "my question is about {b}. my sister has a different one: {qa}",
    "you may remember me: {qa}. that went well. now it is {b}", "{qa}: so my wife wrote to you, and you helped her. I come about {b}"};
constexpr std::string_view kThingFrames[] = {
    "{a} is right next to {b} {place}. {a} is no trouble, {b} is", "next to {a} {place} there is {b}; leave {a} alone and see to {b}",
    "see to {b} and leave {a} alone, they are side by side {place}", "somebody came for {a} {place} but overlooked {b} beside it",
    "{b} was overlooked when somebody came for {a} {place}", "{a} and {b} were both reported {place}; {a} is all right again, {b} still is not",
    "{b} and {a} were both reported {place}; {b} is still bad, {a} is all right", "we can live with {a} {place}, but not with {b} behind it",
    "you can hardly see {b} {place} because of {a}; still, {b} is what must be dealt with, {a} may stay"};
constexpr std::string_view kPaperFrames[] = {
    "to get {a} I must show {b}, and that is what I lack", "I have {a}, and with {a} in my hand I now want {b}",
    "I now want {b}; I have {a}, which you need to see for it", "without {b} I am not given {a}, so please start with {b}",
    "I was given {a} where I had applied for {b}", "I had applied for {b} and was given {a}", "you sent {a} to me and nothing about {b}, which I am waiting for",
    "{b} is what I am waiting for, you sent me {a}", "I no longer need {a}, my application for {b} stands", "my application for {b} stands, I no longer need {a}"};
constexpr std::string_view kPlainFrames[] = {
    "I have a question about {b}", "what is the state of {b}", "who is responsible for {b}", "please help me with {b}", "nobody answers me about {b} {since}",
    "can somebody call me back about {b}", "I am writing to you again about {b}", "where do I find the form for {b}", "which desk is right for {b}",
    "I do not understand your letter about {b}", "how long must I wait until something happens about {b}"};
constexpr std::string_view kTerse[] = {"{b}?", "{b}, urgent", "question about {b}", "{b}: who do I ask", "help with {b} please", "re {b}", "news about {b}?"};

constexpr std::string_view kGerman[] = {"Guten Tag, ich habe eine Frage, es geht um {b}.", "Bitte rufen Sie mich an, es geht um {b}.", "Wer ist zuständig für {b}?",
                                        "Seit {n} Wochen warte ich auf eine Antwort, es betrifft {b}."};
constexpr std::string_view kGermanPairs[] = {"Es geht nicht um {a}, sondern um {b}.", "Es geht um {b}, nicht um {a}.", "Meine Frage betrifft {b} und nicht {a}.",
                                             "Sie haben mir über {a} geschrieben, ich habe aber nach etwas anderem gefragt: es geht um {b}."};
constexpr std::string_view kSpanish[] = {"Buenos días, tengo una pregunta sobre {b}.", "Por favor, llámenme, es por {b}.", "¿Quién se ocupa de esto? Es sobre {b}.",
                                         "Espero una respuesta desde hace {n} semanas sobre {b}."};
constexpr std::string_view kSpanishPairs[] = {"No escribo por {a}, sino por {b}.", "Mi consulta es sobre {b}, no sobre {a}.", "Esto es por {b} y no por {a}.",
                                              "Ustedes me contestaron sobre {a}, pero yo había preguntado sobre {b}."};

constexpr std::string_view kOpeners[] = {"hello,",       "good morning,", "dear sir or madam,", "hi there,", "hey,", "good evening,", "to whom it may concern,",
                                         "dear city desk,", "hi,",          "excuse me,"};
constexpr std::string_view kFillers[] = {"sorry to bother you", "I hope you can help", "I have tried to phone {n} times", "your website is no help", "I am new in town",
                                         "I live in {street}", "I was at the town hall on {day}", "it is a bit complicated"};
constexpr std::string_view kClosers[] = {"thank you", "kind regards, {name}", "please hurry", "this is the third time I ask", "thx", "you can reach me after {n} o'clock",
                                         "I expect an answer by {day}", "best wishes, {name}", "many thanks in advance", "a short answer is enough", "{name}, {street} {n}",
                                         "this cannot go on", "please tell me what to do next"};

constexpr std::pair<std::string_view, std::string_view> kThings[] = {
    {"tree", "the tree"}, {"tree", "the fallen branch"}, {"street light", "the lamp"}, {"street light", "the lamp post"}, {"pothole", "the hole in the road"},
    {"graffiti", "the sprayed wall"}, {"graffiti", "the paint on the wall"}, {"waste", "the full bin"}, {"waste", "the pile of rubbish bags"}, {"pests", "the wasp nest"},
    {"pothole", "the broken tarmac"}, {"pests", "the rats' nest"}};
constexpr std::string_view kPapers[] = {"passport", "birth certificate", "parking permit", "bus pass", "library card", "dog licence", "business permit",
                                        "event permit", "school place", "housing benefit"};

int kindOf(std::string_view label) {
  const auto& kinds = deskKinds();
  for (std::size_t i = 0; i < kinds.size(); ++i)
    if (kinds[i].label == label) return static_cast<int>(i);
  return 0;
}

/// Values for the two kinds of a frame; each mention inside one message is the same phrase.
struct Fillings {
  std::string_view a, b, qa, qb;
};

/// Replaces {street} {day} {month} {n} {name} {place} {since} {a} {b} {qa} {qb}, also inside what was put in.
std::string expand(Random& random, std::string_view pattern, const Fillings& f) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '{') {
      out += pattern[i];
      continue;
    }
    const std::size_t end = pattern.find('}', i);
    const std::string_view slot = pattern.substr(i + 1, end - i - 1);
    i = end;
    if (slot == "street") out += pick(random, kStreets);
    else if (slot == "day") out += pick(random, kDays);
    else if (slot == "month") out += pick(random, kMonths);
    else if (slot == "name") out += pick(random, kNames);
    else if (slot == "n") out += std::to_string(2 + random.below(8));
    else if (slot == "place") out += expand(random, pick(random, kPlaces), f);
    else if (slot == "since") out += expand(random, pick(random, kSince), f);
    else out += slot == "a" ? f.a : slot == "b" ? f.b : slot == "qa" ? f.qa : f.qb;
  }
  return out;
}

/// One slip of the keyboard in a word of at least five plain letters, so that the little words that carry the sense stay whole.
void addTypo(Random& random, std::string& text) {
  std::vector<std::pair<std::size_t, std::size_t>> words;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || (text[end] >= 'A' && text[end] <= 'Z'))) ++end;
    if (end - i >= 5) words.emplace_back(i, end);
    i = end + 1;
  }
  if (words.empty()) return;
  const auto [from, to] = words[random.below(words.size())];
  const std::size_t at = from + 1 + random.below(to - from - 2);
  switch (random.below(4)) {
    case 0: std::swap(text[at], text[at + 1]); break;
    case 1: text.erase(at, 1); break;
    case 2: text.insert(at, 1, text[at]); break;
    default: text[at] = static_cast<char>('a' + random.below(26));
  }
}

/// Capital letters at the start of sentences.
void capitalise(std::string& text) {
  bool start = true;
  for (char& c : text) {
    if (start && std::isalpha(static_cast<unsigned char>(c)) != 0) {
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      start = false;
    } else if (c == '.' || c == '!' || c == '?') {
      start = true;
    }
  }
}

void lower(std::string& text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Chooses the kind that is meant and one that is not; often a similar one, and either way round with equal chance.
void choosePair(Random& random, DeskMessage& m) {
  const auto& kinds = deskKinds();
  m.kind = static_cast<int>(random.below(kinds.size()));
  if (random.chance(0.6)) m.other = kindOf(pick(random, kinds[static_cast<std::size_t>(m.kind)].similar));
  else m.other = static_cast<int>((static_cast<std::uint64_t>(m.kind) + 1 + random.below(kinds.size() - 1)) % kinds.size());
  if (random.chance(0.5)) std::swap(m.kind, m.other);
}

std::string contrast(Random& random, DeskMessage& m) {
  choosePair(random, m);
  const auto& kinds = deskKinds();
  Fillings f;
  const double u = random.uniform();
  Words frames = kNounFrames;
  if (u < 0.12) {  // things beside each other
    const auto& first = kThings[random.below(std::size(kThings))];
    auto second = kThings[random.below(std::size(kThings))];
    while (second.first == first.first) second = kThings[random.below(std::size(kThings))];
    m.other = kindOf(first.first), m.kind = kindOf(second.first);
    f.a = first.second, f.b = second.second;
    frames = kThingFrames;
  } else if (u < 0.24) {  // papers that depend on each other
    const std::size_t first = random.below(std::size(kPapers));
    const std::size_t second = (first + 1 + random.below(std::size(kPapers) - 1)) % std::size(kPapers);
    m.other = kindOf(kPapers[first]), m.kind = kindOf(kPapers[second]);
    frames = kPaperFrames;
  } else if (u < 0.42) {
    frames = kAskMeantFrames;
  } else if (u < 0.60) {
    frames = kAskOtherFrames;
  }
  const auto& a = kinds[static_cast<std::size_t>(m.other)];
  const auto& b = kinds[static_cast<std::size_t>(m.kind)];
  std::string na, nb;
  if (f.a.empty()) {
    na = expand(random, frames.data() == kPaperFrames ? a.nouns[0] : pick(random, a.nouns), {});
    nb = expand(random, frames.data() == kPaperFrames ? b.nouns[0] : pick(random, b.nouns), {});
    f.a = na, f.b = nb;
  }
  const std::string qa = expand(random, pick(random, a.asks), {}), qb = expand(random, pick(random, b.asks), {});
  f.qa = qa, f.qb = qb;
  return expand(random, pick(random, frames), f);
}

std::string direct(Random& random, DeskMessage& m, bool terse) {
  const auto& kinds = deskKinds();
  m.kind = static_cast<int>(random.below(kinds.size()));
  const auto& kind = kinds[static_cast<std::size_t>(m.kind)];
  std::string noun = expand(random, pick(random, kind.nouns), {});
  if (terse) {
    if (noun.starts_with("the ") || noun.starts_with("my ")) noun.erase(0, noun.find(' ') + 1);
    std::string text = expand(random, pick(random, kTerse), {{}, noun, {}, {}});
    if (std::count(text.begin(), text.end(), ' ') < 2) text += " please answer";
    return text;
  }
  if (random.chance(0.65)) return expand(random, pick(random, kind.asks), {});
  return expand(random, pick(random, kPlainFrames), {{}, noun, {}, {}});
}

std::string foreign(Random& random, DeskMessage& m) {
  choosePair(random, m);
  const auto& kinds = deskKinds();
  const bool german = random.chance(0.5), pair = random.chance(0.4);
  m.language = german ? "de" : "es";
  const auto& a = kinds[static_cast<std::size_t>(m.other)];
  const auto& b = kinds[static_cast<std::size_t>(m.kind)];
  const Fillings f = {pick(random, german ? a.german : a.spanish), pick(random, german ? b.german : b.spanish), {}, {}};
  if (!pair) m.other = -1;
  return expand(random, pair ? pick(random, german ? kGermanPairs : kSpanishPairs) : pick(random, german ? kGerman : kSpanish), f);
}

constexpr double kForeignShare = 0.06, kTerseShare = 0.07, kContrastShare = 0.38;

}  // namespace

DeskMessage deskMessage(Random& random) {
  DeskMessage m;
  m.language = "en";
  const double u = random.uniform();
  if (u < kForeignShare) {
    m.text = foreign(random, m);
    return m;
  }
  const bool terse = u < kForeignShare + kTerseShare;
  m.text = terse || u > kForeignShare + kTerseShare + kContrastShare ? direct(random, m, terse) : contrast(random, m);
  if (!terse) {
    std::string before, after;
    if (random.chance(0.4)) before = std::string(pick(random, kOpeners)) + " ";
    if (random.chance(0.22)) before += expand(random, pick(random, kFillers), {}) + ". ";
    if (random.chance(0.16)) after = ". " + expand(random, pick(random, kFillers), {});
    if (random.chance(0.45)) after += ". " + expand(random, pick(random, kClosers), {});
    m.text = before + m.text + after + (random.chance(0.12) ? "!" : ".");
  }
  if (random.chance(0.18)) addTypo(random, m.text);
  if (random.chance(0.06)) addTypo(random, m.text);
  const double tone = random.uniform();
  if (tone < 0.22) lower(m.text);
  else if (tone > 0.98) for (char& c : m.text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  else capitalise(m.text);
  return m;
}

}  // namespace retort::logs
