// The entries of a vocabulary by id and by text, in one block of memory.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace retort::text {

class TokenTable {
 public:
  TokenTable() = default;
  explicit TokenTable(const std::vector<std::string>& tokens);
  TokenTable(const TokenTable&) = delete;              // the map holds views of the block
  TokenTable& operator=(const TokenTable&) = delete;

  [[nodiscard]] std::size_t size() const { return m_begin.empty() ? 0 : m_begin.size() - 1; }
  [[nodiscard]] std::string_view at(TokenId id) const {
    const auto i = static_cast<std::size_t>(id);
    return id < 0 || i >= size() ? std::string_view() : std::string_view(m_block).substr(m_begin[i], m_begin[i + 1] - m_begin[i]);
  }
  /// The id of a text, the lowest where several have it; -1 when absent. Empty entries are holes and never found.
  [[nodiscard]] TokenId find(std::string_view text) const {
    const auto it = m_ids.find(text);
    return it == m_ids.end() ? -1 : it->second;
  }

 private:
  std::string m_block;
  std::vector<std::size_t> m_begin;
  std::unordered_map<std::string_view, TokenId> m_ids;
};

}  // namespace retort::text
