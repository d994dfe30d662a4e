// Families of prompts, family/1: prompts of one system whose templates agree in at least half of their places.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace retort::logs {

class FamilyTree {
 public:
  struct Group {
    std::int64_t code = 0;                   ///< from 1, in order of founding
    std::size_t system = 0;                  ///< into systems()
    std::string founder;                     ///< tokens of its first record, joined by blanks
    std::vector<std::uint64_t> hashes;       ///< of the founder's tokens; 0 for what varies since
    bool isChanged = false;                  ///< since the last time it was stored
    bool isOther = false;                    ///< what found no place in the system's groups
    const std::string* systemText = nullptr; ///< masked
    [[nodiscard]] std::string id() const;    ///< 12 hex digits; of `other`: "other"
    [[nodiscard]] std::string tmpl() const;  ///< the founder with <*> where its records differ
  };

  /// The group of a prompt, by masked system text and masked last user turn; founds one when it fits none.
  std::int64_t place(std::string_view system, std::string_view user);
  /// Puts back a stored group, in order of code.
  void restore(std::string_view system, std::string_view founder, std::string_view tmpl, bool isOther);
  [[nodiscard]] std::vector<Group>& groups() { return m_groups; }

  static constexpr std::size_t kLeafGroups = 64, kFirstTokens = 100, kSystemGroups = 4096, kEdge = 8;

 private:
  struct Leaf {
    std::vector<std::size_t> groups;
  };
  struct System {
    std::string text;
    std::map<std::pair<std::size_t, std::string>, Leaf> leaves;      ///< by token count and first token
    std::map<std::size_t, std::size_t> firstTokens;                  ///< distinct ones by token count
    std::unordered_map<std::string, std::size_t> byFirst, byLast;    ///< first or last tokens of founders, none masked
    std::size_t count = 0;
    std::int64_t other = 0;
  };
  System& systemOf(std::string_view text);
  std::int64_t found(System& system, std::size_t index, const std::vector<std::string_view>& tokens, bool isOther);
  void list(System& system, std::size_t group, const std::vector<std::string_view>& founder);
  std::vector<Group> m_groups;
  std::vector<std::unique_ptr<System>> m_systems;
  std::unordered_map<std::string, std::size_t> m_byText;
};

/// 12 hex digits of the SHA-256 of "family/1" LF system LF founder.
[[nodiscard]] std::string familyId(std::string_view system, std::string_view founder);
/// 12 hex digits of the SHA-256 of a system prompt.
[[nodiscard]] std::string systemId(std::string_view system);

}  // namespace retort::logs
