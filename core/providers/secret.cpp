// Wiping, redacting and finding keys.
#include "providers/secret.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cctype>
#include <cstdlib>
#include <mutex>

#include "base/format.h"

namespace retort::providers {
namespace {

std::mutex& storeMutex() {
  static std::mutex mutex;
  return mutex;
}
std::shared_ptr<KeyStore>& storeSlot() {
  static std::shared_ptr<KeyStore> store;
  return store;
}

bool isKeyChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '/' || c == '+' || c == '=' || c == '~'; }

/// The names behind which a value is secret, in lower case; what follows is blanks, quotes and = or :.
constexpr std::string_view kNames[] = {"authorization", "x-api-key", "api-key", "apikey", "api_key", "x-amz-security-token", "set-cookie", "cookie", "bearer", "key", "secret", "token"};
/// The heads by which keys are known whatever stands before them.
constexpr std::string_view kHeads[] = {"sk-", "akia", "asia", "aws4-hmac", "hf_", "gsk_", "xai-", "bedrock-api-key-"};

/// End of a secret value that begins at `at`: to the line's end for cookies and authorization, else the run of key characters.
std::size_t valueEnd(std::string_view text, std::size_t at, bool wholeLine) {
  std::size_t end = at;
  while (end < text.size() && (wholeLine ? text[end] != '\n' && text[end] != '\r' && text[end] != '"' : isKeyChar(text[end]))) ++end;
  return end;
}

/// Length of the name at `at` when a value follows it; `value` receives the value's start.
bool isNamedValue(std::string_view text, std::string_view lower, std::size_t at, std::string_view name, std::size_t& value) {
  if (lower.substr(at, name.size()) != name) return false;
  if (at > 0 && (std::isalnum(static_cast<unsigned char>(text[at - 1])) != 0)) return false;
  std::size_t i = at + name.size();
  bool sawSeparator = false;
  while (i < text.size() && (text[i] == ' ' || text[i] == '"' || text[i] == '\'' || text[i] == '=' || text[i] == ':')) {
    sawSeparator = sawSeparator || text[i] == '=' || text[i] == ':' || (name == "bearer" && text[i] == ' ');
    ++i;
  }
  value = i;
  return sawSeparator && i < text.size();
}

}  // namespace

Secret::Secret(std::string text) : m_text(text) { wipe(text); }
Secret::Secret(Secret&& other) noexcept : m_text(other.m_text) { wipe(other.m_text); }
Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe(m_text);
    m_text = other.m_text;
    wipe(other.m_text);
  }
  return *this;
}
Secret::~Secret() { wipe(m_text); }

void wipe(std::string& text) {
  if (!text.empty()) OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

std::string redacted(std::string_view text) {
  const std::string lower = lowerAscii(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t value = 0, end = at;
    for (const auto name : kNames) {
      if (!isNamedValue(text, lower, at, name, value)) continue;
      const bool whole = name == "authorization" || name == "cookie" || name == "set-cookie";
      const std::size_t stop = valueEnd(text, value, whole);
      // Words of a sentence ("key: not found") are no keys: a value has eight characters or more.
      if (stop - value >= 8 || whole) end = stop;
      break;
    }
    if (end > at) {
      out.append(text.substr(at, value - at)).append("…");
      at = end;
      continue;
    }
    const bool isWordStart = at == 0 || !std::isalnum(static_cast<unsigned char>(text[at - 1]));
    if (isWordStart)
      for (const auto head : kHeads)
        if (std::string_view(lower).substr(at, head.size()) == head && valueEnd(text, at, false) - at >= head.size() + 8) end = valueEnd(text, at, false);
    if (end > at) {
      out.append("…");
      at = end;
    } else {
      out.push_back(text[at++]);
    }
  }
  return out;
}

void setKeyStore(std::shared_ptr<KeyStore> store) {
  const std::lock_guard lock(storeMutex());
  storeSlot() = std::move(store);
}

std::shared_ptr<KeyStore> keyStore() {
  const std::lock_guard lock(storeMutex());
  return storeSlot();
}

std::string keyVariable(std::string_view name) {
  std::string out = "RETORT_KEY_";
  for (const char c : name) out.push_back(std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_');
  return out;
}

void protectProcess() {
#ifdef __linux__
  static const bool once = [] {
    ::prctl(PR_SET_DUMPABLE, 0);
    const rlimit none{0, 0};
    return ::setrlimit(RLIMIT_CORE, &none) == 0;
  }();
  (void)once;
#endif
}

Result<Secret> findKey(std::string_view name, std::string_view reference, const std::vector<std::string>& variables) {
  std::vector<std::string> names{keyVariable(name)};
  names.insert(names.end(), variables.begin(), variables.end());
  for (const auto& variable : names)
    if (const char* value = std::getenv(variable.c_str()); value && *value) {
      protectProcess();
      return Secret(value);
    }
  if (const auto store = keyStore()) {
    protectProcess();
    return store->find(reference);
  }
  return Secret();
}

}  // namespace retort::providers
