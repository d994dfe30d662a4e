// Ids of products and how people name them.
#include "base/ids.h"

#include <algorithm>
#include <ctime>
#include <random>

#include "base/clock.h"

namespace retort {

bool isId(std::string_view text) {
  if (text.size() != 20 || text[8] != '-' || text[15] != '-') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 15) continue;
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    if (i < 15 ? !digit : !(digit || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

std::string newId() {
  const std::time_t now = static_cast<std::time_t>(utcMicros() / 1'000'000);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  const std::size_t n = std::strftime(text, sizeof text, "%Y%m%d-%H%M%S-", &utc);
  static thread_local std::random_device device;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string id(text, n);
  for (int i = 0; i < 4; ++i) id += digits[device() % 16];
  return id;
}

Result<FolderInTheMaking> beginProduct(const fs::path& parent, std::string& id) {
  for (int attempt = 0;; ++attempt) {
    id = newId();
    auto folder = FolderInTheMaking::begin(parent / id);
    if (folder.ok() || attempt == 20) return folder;
    if (folder.error().code != "base.folder.exists" && folder.error().code != "base.folder.busy") return folder;
  }
}

std::vector<std::string> listProducts(const fs::path& parent) {
  std::vector<std::string> ids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    const std::string name = entry.path().filename().string();
    if (isId(name)) ids.push_back(name);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<std::string> resolveProduct(const fs::path& parent, std::string_view text, std::string_view noun,
                                   const std::function<std::string(const std::string& id)>& nameOf) {
  const auto ids = listProducts(parent);
  std::vector<std::string> byPrefix;
  std::string byName;
  for (const auto& id : ids) {
    if (id == text) return id;
    if (text.size() >= 4 && id.starts_with(text)) byPrefix.push_back(id);
    if (nameOf && nameOf(id) == text) byName = id;  // ids sort by time: the newest wins
  }
  if (!byName.empty()) return byName;
  if (byPrefix.size() == 1) return byPrefix.front();
  const std::string what = "There is no " + std::string(noun) + " \"" + shown(text) + "\"";
  if (byPrefix.size() > 1)
    return Error{"base.id.ambiguous", "\"" + shown(text) + "\" names several " + std::string(noun) + "s", {},
                 byPrefix[0] + " and " + byPrefix[1] + " both begin so", "Write more of the id.", {}, {}};
  return Error{"base.id.unknown", what, parent.string(), "no id begins so and none has that name",
               "See the list with: retort-cli " + std::string(noun) + " list", {}, {}};
}

}  // namespace retort
