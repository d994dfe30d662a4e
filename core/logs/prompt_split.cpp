// Prompt strings back into turns, by the marks that each family's template puts between them.
#include <algorithm>

#include "base/format.h"
#include "logs/body_parser.h"

namespace retort::logs {

namespace {

void add(std::vector<Message>& messages, std::string_view role, std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return;
  Message message;
  message.role = role;
  message.text = text;
  messages.push_back(std::move(message));
}

/// "<|start_header_id|>user<|end_header_id|>\n\n…<|eot_id|>"
bool splitLlama3(std::string_view prompt, std::vector<Message>& messages) {
  constexpr std::string_view kStart = "<|start_header_id|>", kEnd = "<|end_header_id|>";
  auto at = prompt.find(kStart);
  if (at == std::string_view::npos) return false;
  while (at != std::string_view::npos) {
    const auto nameAt = at + kStart.size();
    const auto nameEnd = prompt.find(kEnd, nameAt);
    if (nameEnd == std::string_view::npos) break;
    const auto next = prompt.find(kStart, nameEnd);
    auto text = prompt.substr(nameEnd + kEnd.size(), next == std::string_view::npos ? next : next - nameEnd - kEnd.size());
    for (const std::string_view end : {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"})
      if (const auto cut = text.find(end); cut != std::string_view::npos) text = text.substr(0, cut);
    auto role = trimmed(prompt.substr(nameAt, nameEnd - nameAt));
    if (role == "ipython") role = "tool";
    add(messages, role, text);
    at = next;
  }
  return true;
}

/// "[INST] <<SYS>>…<</SYS>> user [/INST] answer </s>[INST]…" of Llama 2 and Mistral.
bool splitInst(std::string_view prompt, std::vector<Message>& messages) {
  constexpr std::string_view kOpen = "[INST]", kClose = "[/INST]";
  auto at = prompt.find(kOpen);
  if (at == std::string_view::npos || prompt.find(kClose) == std::string_view::npos) return false;
  while (at != std::string_view::npos) {
    const auto close = prompt.find(kClose, at);
    if (close == std::string_view::npos) {
      add(messages, "user", prompt.substr(at + kOpen.size()));
      break;
    }
    auto user = prompt.substr(at + kOpen.size(), close - at - kOpen.size());
    if (const auto sys = user.find("<<SYS>>"); sys != std::string_view::npos)
      if (const auto end = user.find("<</SYS>>", sys); end != std::string_view::npos) {
        add(messages, "system", user.substr(sys + 7, end - sys - 7));
        user = user.substr(end + 8);
      }
    add(messages, "user", user);
    const auto next = prompt.find(kOpen, close);
    auto answer = prompt.substr(close + kClose.size(), next == std::string_view::npos ? next : next - close - kClose.size());
    if (const auto cut = answer.find("</s>"); cut != std::string_view::npos) answer = answer.substr(0, cut);
    if (trimmed(answer) != "<s>") add(messages, "assistant", answer);
    at = next;
  }
  return true;
}

/// Two marks that begin the turns of user and assistant; what stands before the first is the system's.
bool splitByMarks(std::string_view prompt, std::string_view userMark, std::string_view botMark, std::vector<Message>& messages) {
  const auto firstUser = prompt.find(userMark);
  if (firstUser == std::string_view::npos || prompt.find(botMark) == std::string_view::npos) return false;
  add(messages, "system", prompt.substr(0, firstUser));
  auto at = firstUser;
  bool isUser = true;
  while (at != std::string_view::npos) {
    const auto begin = at + (isUser ? userMark : botMark).size();
    const auto nextUser = prompt.find(userMark, begin), nextBot = prompt.find(botMark, begin);
    const auto next = std::min(nextUser, nextBot);
    add(messages, isUser ? "user" : "assistant", prompt.substr(begin, next == std::string_view::npos ? next : next - begin));
    isUser = nextUser < nextBot;
    at = next;
  }
  return true;
}

}  // namespace

bool splitPrompt(std::string_view prompt, std::vector<Message>& messages) {
  const auto before = messages.size();
  if (splitLlama3(prompt, messages) || splitInst(prompt, messages)) return messages.size() > before;
  // Sentence marks of DeepSeek are full-width bars; strip its begin mark by looking for turns only.
  std::string_view body = prompt;
  constexpr std::string_view kBegin = "<\xEF\xBD\x9C" "begin\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>";
  if (body.starts_with(kBegin)) body.remove_prefix(kBegin.size());
  if (splitByMarks(body, "<\xEF\xBD\x9CUser\xEF\xBD\x9C>", "<\xEF\xBD\x9C" "Assistant\xEF\xBD\x9C>", messages)) return messages.size() > before;
  if (splitByMarks(prompt, "\n\nHuman:", "\n\nAssistant:", messages)) return messages.size() > before;
  if (prompt.starts_with("Human:") && splitByMarks(prompt, "Human:", "\n\nAssistant:", messages)) return messages.size() > before;
  if (prompt.starts_with("User:") && splitByMarks(prompt, "User:", "\nBot:", messages)) return messages.size() > before;
  return false;
}

}  // namespace retort::logs
