// A tree of depth four: system, number of tokens, first token, groups.
#include "logs/family_tree.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "base/hash.h"
#include "logs/mask.h"

namespace retort::logs {

namespace {

std::string joined(std::span<const std::string_view> tokens) {
  std::string out;
  std::size_t length = 0;
  for (const auto token : tokens) length += token.size() + 1;
  out.reserve(length);
  for (const auto token : tokens) {
    if (!out.empty()) out += ' ';
    out += token;
  }
  return out;
}

bool isMasked(std::string_view token) { return token.find(kMask) != std::string_view::npos; }

/// 64 bits stand for a token: 64 groups of 256 tokens are compared for one record. What varies is 0 and equals nothing.
std::uint64_t hashOf(std::string_view token) { return token == kMask ? 0 : XXH3_64bits(token.data(), token.size()) | 1; }

/// Equal places of two lists of one length; some number below `atLeast` as soon as that cannot be reached.
std::size_t equalPlaces(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b, std::size_t atLeast) {
  constexpr std::size_t kStep = 16;
  std::size_t equal = 0, i = 0;
  for (; i + kStep <= a.size(); i += kStep) {
    if (equal + a.size() - i < atLeast) return 0;
    for (std::size_t j = i; j < i + kStep; ++j) equal += static_cast<std::size_t>((a[j] == b[j]) & (b[j] != 0));
  }
  for (; i < a.size(); ++i) equal += static_cast<std::size_t>((a[i] == b[i]) & (b[i] != 0));
  return equal;
}

}  // namespace

std::string familyId(std::string_view system, std::string_view founder) {
  return Sha256().update(std::string_view("family/1\n")).update(system).update(std::string_view("\n")).update(founder).hex().substr(0, 12);
}
std::string systemId(std::string_view system) { return sha256Hex(system).substr(0, 12); }

std::string FamilyTree::Group::id() const { return isOther ? "other" : familyId(*systemText, founder); }

std::string FamilyTree::Group::tmpl() const {
  std::vector<std::string_view> tokens;
  templateTokens(founder, tokens);
  for (std::size_t i = 0; i < tokens.size() && i < hashes.size(); ++i)
    if (hashes[i] == 0) tokens[i] = kMask;
  return joined(tokens);
}

std::size_t FamilyTree::TextHash::operator()(std::string_view text) const { return XXH3_64bits(text.data(), text.size()); }

void FamilyTree::Prompt::read(std::string_view masked) {
  templateTokens(masked, tokens);
  hashes.clear();
  for (const auto token : tokens) hashes.push_back(hashOf(token));
}

FamilyTree::Place FamilyTree::Prompt::place() const { return {tokens.size(), tokens.empty() || isMasked(tokens[0]) ? 0 : hashes[0]}; }

std::uint64_t FamilyTree::Prompt::edge(bool isFirst) const {
  if (tokens.size() < kEdge) return 0;
  const std::size_t from = isFirst ? 0 : tokens.size() - kEdge;
  const auto edge = std::span(tokens).subspan(from, kEdge);
  return std::any_of(edge.begin(), edge.end(), isMasked) ? 0 : XXH3_64bits(&hashes[from], kEdge * sizeof hashes[0]) | 1;
}

FamilyTree::System& FamilyTree::systemOf(std::string_view text) {
  const auto known = m_byText.find(text);
  if (known != m_byText.end()) return *known->second;
  auto& system = *m_systems.emplace_back(std::make_unique<System>());
  system.text = text;
  system.index = m_systems.size() - 1;
  m_byText.emplace(system.text, &system);
  return system;
}

void FamilyTree::list(System& system, std::size_t group, const Prompt& founder) {
  auto& leaf = system.leaves[founder.place()];
  if (leaf.empty()) ++system.firstTokens[founder.tokens.size()];
  leaf.push_back(group);
  ++system.count;
  if (const auto edge = founder.edge(true)) system.byFirst.emplace(edge, group);
  if (const auto edge = founder.edge(false)) system.byLast.emplace(edge, group);
}

std::int64_t FamilyTree::found(System& system, const Prompt& prompt, bool isOther) {
  Group group;
  group.code = static_cast<std::int64_t>(m_groups.size()) + 1;
  group.system = system.index;
  group.systemText = &system.text;
  group.isOther = isOther;
  group.isChanged = true;
  if (!isOther) {
    group.founder = joined(prompt.tokens);
    group.hashes = prompt.hashes;
  }
  m_groups.push_back(std::move(group));
  if (isOther) system.other = m_groups.back().code;
  else list(system, m_groups.size() - 1, prompt);
  return m_groups.back().code;
}

FamilyTree::Group* FamilyTree::closest(const std::vector<std::size_t>& leaf, const Prompt& prompt) {
  Group* best = nullptr;
  std::size_t atLeast = (prompt.tokens.size() + 1) / 2;
  for (const auto g : leaf) {
    const std::size_t equal = equalPlaces(m_groups[g].hashes, prompt.hashes, atLeast);
    if (equal >= atLeast) best = &m_groups[g], atLeast = equal + 1;
  }
  return best;
}

std::int64_t FamilyTree::place(std::string_view systemText, std::string_view user) {
  System& system = systemOf(systemText);
  m_prompt.read(user);
  const auto& hashes = m_prompt.hashes;
  const auto leaf = system.leaves.find(m_prompt.place());
  if (leaf != system.leaves.end())
    if (Group* group = closest(leaf->second, m_prompt)) {
      for (std::size_t i = 0; i < hashes.size(); ++i)
        if (group->hashes[i] != hashes[i] && group->hashes[i] != 0) group->hashes[i] = 0, group->isChanged = true;
      return group->code;
    }
  if (const auto edge = m_prompt.edge(true))
    if (const auto known = system.byFirst.find(edge); known != system.byFirst.end()) return m_groups[known->second].code;
  if (const auto edge = m_prompt.edge(false))
    if (const auto known = system.byLast.find(edge); known != system.byLast.end()) return m_groups[known->second].code;
  const bool isFull = system.count >= kSystemGroups || (leaf != system.leaves.end() ? leaf->second.size() >= kLeafGroups : system.firstTokens[hashes.size()] >= kFirstTokens);
  if (isFull) return system.other > 0 ? system.other : found(system, m_prompt, true);
  return found(system, m_prompt, false);
}

void FamilyTree::restore(std::string_view systemText, std::string_view founder, std::string_view tmpl, bool isOther) {
  System& system = systemOf(systemText);
  m_prompt.read(founder);
  found(system, m_prompt, isOther);
  const std::size_t count = m_prompt.tokens.size();
  Group& group = m_groups.back();
  m_prompt.read(tmpl);
  if (m_prompt.tokens.size() == count) group.hashes = m_prompt.hashes;
  group.isChanged = false;
}

}  // namespace retort::logs
