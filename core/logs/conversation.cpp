// Hash chains of messages, and the window of calls that a later one may go on from.
#include "logs/conversation.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/hash.h"

namespace retort::logs {

namespace {

using Half = std::array<std::uint8_t, 16>;

Half firstHalf(const Sha256::Digest& digest) {
  Half out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

Half next(const Half& before, std::string_view message) {
  return firstHalf(Sha256().update(std::string_view(reinterpret_cast<const char*>(before.data()), before.size())).update(message).digest());
}

std::uint64_t cut(const Half& h) {
  std::uint64_t out = 0;
  for (int i = 0; i < 8; ++i) out = out << 8 | h[static_cast<std::size_t>(i)];
  return out ? out : 1;
}

/// Members sorted by name at every level: two spellings of one object hash alike.
std::string sortedJson(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_discarded() ? text : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string hashedMessage(const Message& message) {
  std::string text;
  const auto append = [&](std::string_view part) {
    if (part.empty()) return;
    if (!text.empty()) text += '\n';
    text += part;
  };
  if (message.text.find('\r') == std::string::npos) {
    append(trimmed(message.text));
  } else {
    std::string plain;
    for (std::size_t i = 0; i < message.text.size(); ++i)
      if (message.text[i] != '\r' || i + 1 == message.text.size() || message.text[i + 1] != '\n') plain += message.text[i];
    append(trimmed(plain));
  }
  for (const auto& call : message.toolCalls) append(call.name + sortedJson(call.arguments));
  for (const auto& image : message.images) append("image " + image.format + " " + std::to_string(image.bytes));   // its bytes are not kept
  return message.role + "\n" + text;
}

std::string_view sessionOf(const Record& record) {
  for (const std::string_view name : {"sessionId", "session_id", "session", "conversationId", "conversation_id", "conversation", "threadId", "thread_id", "thread"})
    if (const auto* value = record.metadataValue(name)) return *value;
  return {};
}

CallChain callChain(const Call& call, std::string_view caller) {
  CallChain out;
  std::string start = "conv/1\n" + call.record.account + "\n";
  start.append(caller).append("\n").append(sessionOf(call.record));
  Half h = firstHalf(Sha256().update(std::string_view(start)).digest());
  for (const auto& message : call.messages) {
    h = next(h, hashedMessage(message));
    out.chain.push_back(cut(h));
  }
  if (call.answer && !call.messages.empty()) out.end = cut(next(h, hashedMessage(*call.answer)));
  return out;
}

std::int64_t conversationHash(std::string_view rootRequestId) {
  Sha256 hash;
  const auto digest = hash.update(std::string_view("conv/1\n")).update(rootRequestId).digest();
  std::int64_t out = 0;
  for (std::size_t i = 0; i < 6; ++i) out = out << 8 | digest[i];
  return out;
}

const ConversationLinks::Ended* ConversationLinks::latest(const std::unordered_map<std::uint64_t, std::vector<std::uint64_t>>& where, std::uint64_t hash, std::int64_t timeUs) const {
  const auto found = where.find(hash);
  if (found == where.end()) return nullptr;
  for (auto it = found->second.rbegin(); it != found->second.rend(); ++it) {
    if (*it < m_first) return nullptr;
    const Ended& call = m_calls[*it - m_first];
    if (call.timeUs <= timeUs) return call.timeUs >= timeUs - kWindowUs ? &call : nullptr;
  }
  return nullptr;
}

void ConversationLinks::dropBefore(std::int64_t timeUs) {
  const auto forget = [&](auto& map, std::uint64_t hash) {
    const auto found = map.find(hash);
    if (found == map.end()) return;
    std::erase_if(found->second, [&](std::uint64_t n) { return n <= m_first; });
    if (found->second.empty()) map.erase(found);
  };
  while (!m_calls.empty() && m_calls.front().timeUs < timeUs) {
    forget(m_byEnd, m_calls.front().end);
    forget(m_byAlone, m_calls.front().alone);
    m_calls.pop_front();
    ++m_first;
  }
}

void ConversationLinks::keep(const Ended& call) {
  const std::uint64_t number = m_first + m_calls.size();
  m_calls.push_back(call);
  if (call.end) m_byEnd[call.end].push_back(number);
  if (call.alone) m_byAlone[call.alone].push_back(number);
}

void ConversationLinks::restore(const Ended& call) { keep(call); }

ConversationLinks::Link ConversationLinks::add(std::uint32_t id, std::int64_t timeUs, const CallChain& call) {
  // A late record goes on in its own window; the newest ones stay known.
  if (!m_calls.empty() && timeUs >= m_calls.back().timeUs) dropBefore(timeUs - kWindowUs);
  Link link{id, 1, false};
  const Ended* parent = nullptr;
  for (std::size_t j = call.chain.size(); j > 0 && !parent; --j) parent = latest(m_byEnd, call.chain[j - 1], timeUs);
  // The same messages again are a repeat, not a step.
  for (std::size_t j = call.chain.size(); j > 1 && !parent; --j) {
    parent = latest(m_byAlone, call.chain[j - 2], timeUs);
    link.isEdited = parent != nullptr;
  }
  if (parent) link.root = parent->root, link.step = parent->step + 1;
  keep({id, timeUs, call.end, call.chain.empty() ? 0 : call.chain.back(), link.root, link.step});
  return link;
}

}  // namespace retort::logs
