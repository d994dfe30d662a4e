// Answers that were recorded before, found by their prompt: nothing is asked, nothing is paid.
#include <unordered_map>

#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "job/row.h"
#include "providers/json_peek.h"
#include "providers/provider.h"

namespace retort::providers {
namespace {

/// The prompt as it is found again: roles, texts and calls, whatever the form of the content.
std::string promptKey(const Json& messages) {
  Json plain = Json::array();
  for (const auto& m : messages) {
    Json next = {{"role", peekText(m, "role")}, {"content", job::contentText(m)}};
    if (const Json& calls = peek(m, "tool_calls"); !calls.is_null()) next["tool_calls"] = calls;
    plain.push_back(next);
  }
  return sha256Hex(dumpJson(plain)).substr(0, 32);
}

Answer answerOf(const Json& message) {
  Answer a;
  a.text = job::contentText(message);
  a.reasoning = peekText(message, "reasoning_content");
  if (const Json& calls = peek(message, "tool_calls"); calls.is_array()) a.toolCalls = calls;
  a.finish = a.toolCalls.empty() ? Finish::stop : Finish::tool;
  return a;
}

class ReplayProvider : public Provider {
 public:
  explicit ReplayProvider(Teacher teacher) : m_teacher(std::move(teacher)) {}

  /// Lines of {"messages","answer":{…}} as Retort records them, dataset rows (messages, target), or conversations ending in an answer.
  Status read() {
    LineTail tail(m_teacher.path);
    std::int64_t number = 0;
    std::optional<Error> bad;
    for (;;) {
      RETORT_TRY(const auto n, tail.poll([&](std::string_view line) {
        ++number;
        if (!bad && !trimmed(line).empty()) bad = take(line, number);
      }));
      if (n == 0) break;
    }
    if (bad) return std::move(*bad);
    if (m_answers.empty()) return Error{"providers.replay.empty", "No answers are in " + m_teacher.path.string(), {}, "a replay needs lines of messages with their answer", {}, {}, {}};
    return {};
  }

  const Teacher& teacher() const override { return m_teacher; }
  std::string dialectName() const override { return "replay"; }
  void rejectParameter(const std::string&) override {}

  Result<Capabilities> probe(std::stop_token) override {
    Capabilities c;
    c.stream = c.seed = c.jsonSchema = c.usageInStream = false;
    c.server = formatCount(static_cast<std::int64_t>(m_answers.size())) + " recorded answers";
    return c;
  }

  void generate(GenRequest request, Handlers handlers, std::stop_token stop) override {
    Outcome o;
    const auto it = m_answers.find(promptKey(request.messages));
    if (stop.stop_requested()) {
      o.end = End::cancelled;
      o.errorClass = ErrorClass::cancelled;
      o.error = cancelledError("The replay of " + m_teacher.name);
    } else if (it == m_answers.end()) {
      o.errorClass = ErrorClass::failItem;
      o.error = Error{"providers.replay.unknown", "No answer to this prompt was recorded", m_teacher.path.string(), {}, "Ask a teacher that can answer anew.", {}, {}};
    } else {
      o.end = it->second.finish == Finish::length ? End::tooLong : End::ok;
      o.answer = it->second;
      if (handlers.delta) handlers.delta({Delta::Kind::text, o.answer.text});
    }
    handlers.done(std::move(o));
  }

 private:
  std::optional<Error> take(std::string_view line, std::int64_t number) {
    const std::string where = m_teacher.path.filename().string() + ", line " + std::to_string(number);
    const auto json = parseJson(line, where);
    if (!json.ok()) return json.error();
    Json messages = peek(*json, "messages");
    if (!messages.is_array() || messages.empty()) return Error{"providers.replay.form", "This line holds no messages", where, {}, "A replay needs lines of messages with their answer.", {}, {}};
    if (peek(*json, "answer").is_object()) {
      m_answers[promptKey(messages)] = answerFromJson((*json)["answer"]);
    } else if (peek(*json, "target").is_object()) {
      m_answers[promptKey(messages)] = answerOf((*json)["target"]);
    } else if (peekText(messages.back(), "role") == "assistant") {
      const Json last = messages.back();
      messages.erase(messages.size() - 1);
      m_answers[promptKey(messages)] = answerOf(last);
    }
    return std::nullopt;   // a prompt without an answer is no fault of the file
  }

  Teacher m_teacher;
  std::unordered_map<std::string, Answer> m_answers;
};

}  // namespace

Result<std::shared_ptr<Provider>> makeReplayProvider(const Teacher& teacher) {
  auto provider = std::make_shared<ReplayProvider>(teacher);
  RETORT_CHECK(provider->read());
  return std::shared_ptr<Provider>(std::move(provider));
}

}  // namespace retort::providers
