// Keys in memory: not copied, not printed, wiped at the end; and the one redactor for whatever text leaves this room.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort::providers {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();
  [[nodiscard]] bool isEmpty() const { return m_text.empty(); }
  /// The key itself: for a header or a signature, never for text that people see.
  [[nodiscard]] const std::string& reveal() const { return m_text; }

 private:
  std::string m_text;
};

/// Overwrites the bytes of a string, then empties it.
void wipe(std::string& text);

/// `text` with the values of authorization, x-api-key, x-amz-security-token and cookie headers, of key= in addresses, and everything that
/// looks like a key (sk-…, AKIA…, Bearer …) replaced by "…". Servers echo keys in their errors: every foreign text passes here.
[[nodiscard]] std::string redacted(std::string_view text);

/// Where the window keeps keys: its implementation is the system keychain. The core has no Qt and knows only this.
struct KeyStore {
  virtual ~KeyStore() = default;
  /// The key of an opaque reference (a teacher's id); an empty Secret when there is none.
  virtual Result<Secret> find(std::string_view reference) = 0;
};
/// The store of this process; none (the default) leaves only the environment.
void setKeyStore(std::shared_ptr<KeyStore> store);
[[nodiscard]] std::shared_ptr<KeyStore> keyStore();

/// From now on this process leaves no core file and lets no other of the user's programs read its memory; called where a key is found.
void protectProcess();

/// Looks a key up: $RETORT_KEY_<NAME> (upper case, others than letters and digits as _), then each of `variables`, then the key store.
/// Empty when nobody has it.
Result<Secret> findKey(std::string_view name, std::string_view reference, const std::vector<std::string>& variables);
/// "RETORT_KEY_OPENAI_PROD" of "openai-prod".
[[nodiscard]] std::string keyVariable(std::string_view name);

}  // namespace retort::providers
