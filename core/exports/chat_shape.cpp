// Taking a chat template apart by rendering probes.
#include "exports/chat_shape.h"

#include "job/row.h"

namespace retort::exports {
namespace {

// Words that no template contains and no filter changes.
constexpr std::string_view kSystem = "Systemzq", kUser = "Userzq", kAnswer = "Answerzq", kAgain = "Againzq";

Error notSimple(std::string_view name, std::string why) {
  return Error{"exports.ollama.template", std::string(name) + " cannot be written with a Modelfile", "chat template", std::move(why),
               "Export gguf instead and use a server that reads the template in the file", "", {}};
}

Json message(std::string_view role, std::string_view content) { return {{"role", role}, {"content", content}}; }

/// The texts before, between and after the words, in order; empty when a word is absent.
std::vector<std::string> around(const std::string& text, const std::vector<std::string_view>& words) {
  std::vector<std::string> out;
  std::size_t from = 0;
  for (const auto word : words) {
    const auto at = text.find(word, from);
    if (at == std::string::npos) return {};
    out.push_back(text.substr(from, at - from));
    from = at + word.size();
  }
  out.push_back(text.substr(from));
  return out;
}

bool cutFront(std::string& text, std::string_view front) {
  if (!text.starts_with(front)) return false;
  text.erase(0, front.size());
  return true;
}
bool cutBack(std::string& text, std::string_view back) {
  if (!text.ends_with(back)) return false;
  text.resize(text.size() - back.size());
  return true;
}

/// Fills the shape from the renderings of the probes; false where they do not fit together.
bool takeApart(const std::vector<std::string>& talk, const std::vector<std::string>& asked, const std::vector<std::string>& answered, const std::string& alone, ChatShape& s) {
  // talk: S U A U' with generation prompt; asked: S U, and answered: S U A, without; alone: the text before a lone U.
  s.userAfter = asked[2];
  s.assistantAfter = answered[3];
  s.generation = talk[4], s.assistantBefore = talk[2], s.userBefore = talk[3];
  if (!cutFront(s.generation, s.userAfter) || !cutFront(s.assistantBefore, s.userAfter) || !cutFront(s.userBefore, s.assistantAfter)) return false;
  s.systemBefore = talk[0], s.systemAfter = talk[1];
  if (!cutBack(s.systemAfter, s.userBefore)) return false;
  std::string front = alone;
  if (!cutBack(front, s.userBefore)) return false;
  if (cutFront(s.systemBefore, front)) {   // nothing but the start before a lone user message
    s.start = front;
    return true;
  }
  // A default system text stands there: start and texts around it are those of a given one.
  std::string inner = front;
  if (!cutFront(inner, s.systemBefore) || !cutBack(inner, s.systemAfter) || inner.empty()) return false;
  s.defaultSystem = inner;
  return true;
}

}  // namespace

std::string ChatShape::render(const Json& messages) const {
  std::string out = start;
  const bool given = !messages.empty() && messages[0].value("role", "") == "system";
  if (given || !defaultSystem.empty()) out += systemBefore + (given ? job::contentText(messages[0]) : defaultSystem) + systemAfter;
  for (const Json& m : messages) {
    const std::string role = m.value("role", "");
    if (role == "user") out += userBefore + job::contentText(m) + userAfter;
    if (role == "assistant") out += assistantBefore + job::contentText(m) + assistantAfter;
  }
  return out + generation;
}

Result<std::string> renderJinja(const models::TextParts& text, const Json& messages, bool generation) {
  text::TemplateInput input;
  input.variables = {{"messages", messages}, {"add_generation_prompt", generation}, {"bos_token", text.tokens.bos}, {"eos_token", text.tokens.eos}};
  RETORT_TRY(auto rendered, text.chat->render(input));
  return std::move(rendered.text);
}

std::vector<Json> probeConversations() {
  const Json system = message("system", "Answer with one word."), user = message("user", "Where is the river?"), answer = message("assistant", "East."), again = message("user", "And the hill?");
  return {Json::array({user}), Json::array({system, user}), Json::array({user, answer, again}), Json::array({system, user, answer, again, answer, user})};
}

Result<ChatShape> chatShape(const models::TextParts& text, std::string_view name) {
  if (!text.chat) return notSimple(name, "the model has none");
  const Json s = message("system", kSystem), u = message("user", kUser), a = message("assistant", kAnswer), v = message("user", kAgain);
  const auto talk = renderJinja(text, {s, u, a, v}), asked = renderJinja(text, {s, u}, false), answered = renderJinja(text, {s, u, a}, false), alone = renderJinja(text, Json::array({u}));
  for (const auto* each : {&talk, &asked, &answered, &alone})
    if (!each->ok()) return notSimple(name, each->error().text());
  const auto t = around(*talk, {kSystem, kUser, kAnswer, kAgain}), q = around(*asked, {kSystem, kUser}), w = around(*answered, {kSystem, kUser, kAnswer}), l = around(*alone, {kUser});
  ChatShape shape;
  if (t.empty() || q.empty() || w.empty() || l.empty() || !takeApart(t, q, w, l[0], shape)) return notSimple(name, "it does more than put texts around the messages");
  for (const Json& conversation : probeConversations()) {
    RETORT_TRY(const auto wanted, renderJinja(text, conversation));
    if (shape.render(conversation) != wanted) return notSimple(name, "its texts depend on the place of a message");
  }
  for (const auto* part : {&shape.start, &shape.systemBefore, &shape.systemAfter, &shape.userBefore, &shape.userAfter, &shape.assistantBefore, &shape.assistantAfter, &shape.generation, &shape.defaultSystem})
    if (part->find("{{") != std::string::npos || part->find("\"\"\"") != std::string::npos) return notSimple(name, "it writes braces or triple quotes, which a Modelfile cannot hold");
  return shape;
}

std::string goTemplate(const ChatShape& s, bool withoutStart) {
  return (withoutStart ? std::string() : s.start) + "{{ if .System }}" + s.systemBefore + "{{ .System }}" + s.systemAfter + "{{ end }}{{ range .Messages }}{{ if eq .Role \"user\" }}" + s.userBefore +
         "{{ .Content }}" + s.userAfter + "{{ else if eq .Role \"assistant\" }}" + s.assistantBefore + "{{ .Content }}" + s.assistantAfter + "{{ end }}{{ end }}" + s.generation;
}

}  // namespace retort::exports
