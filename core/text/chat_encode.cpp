// Prompts and answers as token ids, and which of them a student learns.
#include <algorithm>

#include "base/format.h"
#include "text/chat_template.h"

namespace retort::text {
namespace {

using Range = std::pair<std::size_t, std::size_t>;   // bytes

Error encodeError(std::string code, std::string why, std::string next) {
  Error e;
  e.code = std::move(code);
  e.what = "The conversation cannot be encoded";
  e.why = std::move(why);
  e.next = std::move(next);
  return e;
}

// A member that is a string, else empty.
std::string textMember(const Json& object, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// Students here read text only: a picture that a template would turn into a placeholder must not pass unseen.
Status requireText(const Json& messages) {
  if (!messages.is_array()) return encodeError("text.template.message", "The messages are no array.", "Repair the row.");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!messages[i].is_object()) {
      return encodeError("text.template.message", "Message " + std::to_string(i + 1) + " is no object with a role and content.", "Repair the row.");
    }
    const auto content = messages[i].find("content");
    if (content == messages[i].end() || !content->is_array()) continue;
    for (const Json& part : *content) {
      const std::string type = textMember(part, "type");
      if (type.find("image") == std::string::npos && type.find("audio") == std::string::npos && type.find("video") == std::string::npos) continue;
      return encodeError("text.template.image", "Message " + std::to_string(i + 1) + " holds a part of type " + shown(type) + ", and only text can be learnt or answered.",
                         "Leave such records out, or take the part away.");
    }
  }
  return {};
}

TemplateInput inputFor(const TemplateTokens& tokens, const Json& messages, const Json& tools, bool generationPrompt) {
  TemplateInput input;
  input.variables["messages"] = messages;
  input.variables["tools"] = tools.is_array() && tools.empty() ? Json(nullptr) : tools;
  input.variables["documents"] = nullptr;
  input.variables["add_generation_prompt"] = generationPrompt;
  input.variables["bos_token"] = tokens.bos;
  input.variables["eos_token"] = tokens.eos;
  return input;
}

Result<std::vector<TokenId>> encodeRendered(const Rendered& rendered, const Tokenizer& tokenizer, std::vector<std::size_t>* ends) {
  std::vector<Piece> pieces;
  const std::string_view text = rendered.text;
  for (const Span& span : rendered.spans) pieces.push_back({text.substr(span.begin, span.end - span.begin), span.fromTemplate});
  return tokenizer.encodePieces(pieces, ends);
}

bool isBlank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
}

// Where an answer lies, from the prompt without it: [length of `before` with the generation prompt, length of `upTo`).
Result<Range> rangeByPrefix(const ChatTemplate& chat, const TemplateTokens& tokens, const Json& all, std::size_t index, const Json& tools,
                            const std::string& whole) {
  Json before = Json::array();
  for (std::size_t i = 0; i < index; ++i) before.push_back(all[i]);
  RETORT_TRY(const Rendered prompt, chat.render(inputFor(tokens, before, tools, true)));
  std::size_t end = whole.size();
  bool fits = whole.starts_with(prompt.text);
  if (fits && index + 1 < all.size()) {
    before.push_back(all[index]);
    RETORT_TRY(const Rendered answered, chat.render(inputFor(tokens, before, tools, false)));
    fits = whole.starts_with(answered.text) && answered.text.size() >= prompt.text.size();
    end = answered.text.size();
  }
  if (!fits) {
    return encodeError("text.template.prefix", "The chat template renders the prompt differently once message " + std::to_string(index + 1) + " (the answer) follows it.",
                       "Use a template with generation marks, or a built-in template (chatml, llama3 or zephyr).");
  }
  return Range{prompt.text.size(), end};
}

// Marks the tokens of one answer: those that begin in (or reach into) its bytes, to its end-of-turn token; blanks after it stay out.
void markAnswer(const Rendered& rendered, const Tokenizer& tokenizer, const std::vector<std::size_t>& ends, Range range, EncodedChat& out) {
  const std::size_t n = out.ids.size();
  const auto beginOf = [&](std::size_t i) { return i == 0 ? std::size_t{0} : ends[i - 1]; };
  std::size_t first = 0;
  while (first < n && ends[first] <= range.first) ++first;
  std::size_t last = first;                                   // one past the answer's last token
  while (last < n && beginOf(last) < range.second) ++last;
  // The end-of-turn token may stand right behind a generation span.
  const bool closed = std::any_of(out.ids.begin() + static_cast<std::ptrdiff_t>(first), out.ids.begin() + static_cast<std::ptrdiff_t>(last),
                                  [&](TokenId id) { return tokenizer.isSpecial(id); });
  if (last < n && tokenizer.isSpecial(out.ids[last]) && !(closed && last > first && tokenizer.isSpecial(out.ids[last - 1]))) {
    bool endsWithSpecial = false;
    for (std::size_t i = last; i > first && !endsWithSpecial; --i) {
      if (tokenizer.isSpecial(out.ids[i - 1])) endsWithSpecial = true;
      else if (!isBlank(std::string_view(rendered.text).substr(beginOf(i - 1), ends[i - 1] - beginOf(i - 1)))) break;
    }
    if (!endsWithSpecial) ++last;
  }
  while (last > first && !tokenizer.isSpecial(out.ids[last - 1])) {
    const std::size_t begin = beginOf(last - 1);
    if (!isBlank(std::string_view(rendered.text).substr(begin, ends[last - 1] - begin))) break;
    const auto span = std::find_if(rendered.spans.begin(), rendered.spans.end(), [&](const Span& s) { return begin < s.end; });
    if (span != rendered.spans.end() && !span->fromTemplate) break;   // the answer itself ends in blanks
    --last;
  }
  for (std::size_t i = first; i < last; ++i) out.learn[i] = 1;
  out.promptLength = first;
}

}  // namespace

Result<EncodedChat> encodePrompt(const ChatTemplate& chat, const Tokenizer& tokenizer, const TemplateTokens& tokens, const Json& messages,
                                 const Json& tools) {
  RETORT_CHECK(requireText(messages));
  RETORT_TRY(const Rendered rendered, chat.render(inputFor(tokens, messages, tools, true)));
  EncodedChat out;
  RETORT_TRY(out.ids, encodeRendered(rendered, tokenizer, nullptr));
  out.learn.assign(out.ids.size(), 0);
  out.promptLength = out.ids.size();
  return out;
}

Result<EncodedChat> encodeTraining(const ChatTemplate& chat, const Tokenizer& tokenizer, const TemplateTokens& tokens, const Json& messages,
                                   const Json& tools, const Json& answer, bool everyAssistant) {
  RETORT_CHECK(requireText(messages));
  Json all = messages;
  all.push_back(answer);
  RETORT_CHECK(requireText(all));
  RETORT_TRY(const Rendered rendered, chat.render(inputFor(tokens, all, tools, false)));
  EncodedChat out;
  std::vector<std::size_t> ends;
  RETORT_TRY(out.ids, encodeRendered(rendered, tokenizer, &ends));
  if (ends.size() != out.ids.size()) {
    return encodeError("text.template.offsets", "The tokenizer gave " + std::to_string(ends.size()) + " offsets for " + std::to_string(out.ids.size()) + " tokens.",
                       "Report this model; its tokenizer is read wrongly.");
  }
  out.learn.assign(out.ids.size(), 0);
  std::vector<Range> ranges;
  if (!rendered.generation.empty()) {
    ranges.assign(rendered.generation.begin(), rendered.generation.end());
    if (!everyAssistant) ranges.erase(ranges.begin(), ranges.end() - 1);
  } else {
    for (std::size_t i = everyAssistant ? 0 : all.size() - 1; i < all.size(); ++i) {
      if (i + 1 < all.size() && textMember(all[i], "role") != "assistant") continue;
      RETORT_TRY(const Range range, rangeByPrefix(chat, tokens, all, i, tools, rendered.text));
      ranges.push_back(range);
    }
  }
  for (const Range& range : ranges) markAnswer(rendered, tokenizer, ends, range, out);
  return out;
}

}  // namespace retort::text
