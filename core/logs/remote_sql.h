// Filters as SQL: what an engine can decide is pushed down, what only an import can tell is left to it, and nothing that matches is lost.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "logs/filter.h"
#include "logs/remote_mapping.h"

namespace retort::logs {

/// The queries of one source. Each is one statement without its prelude, laid out for people: `part` takes the records apart, `field` names
/// what the filter reads, and the condition reads as the filter does. `is_sure` is false in rows whose fields only an import can tell; they
/// are pulled too, and it decides.
class RemoteSql {
 public:
  /// `from`: what stands behind FROM. `where`: a condition on the source's own columns (partitions), or empty.
  RemoteSql(const RemoteLayout& layout, const SqlDialect& dialect, std::string from, std::string where);
  ~RemoteSql();

  /// Columns of_rows, matching, undecided, unreadable.
  [[nodiscard]] std::string count(const Filter& filter) const;
  /// The rows to pull: the text column, or all columns. `limit` 0: all of them.
  [[nodiscard]] std::string pull(const Filter& filter, std::size_t limit = 0) const;
  /// Columns facet_key, facet_value, facet_n, facet_values (how many there are in all): each key's most frequent values among the rows that match without the key's own clause, with NULL
  /// for the missing. Keys that cannot be read in place are left out. Empty: none can.
  [[nodiscard]] std::string facets(const Filter& filter, const std::vector<std::string>& keys, std::size_t limit) const;
  /// The condition alone; empty when it leaves nothing out.
  [[nodiscard]] std::string condition(const Filter& filter) const;
  /// Clauses (canonical text) that only an import can test.
  [[nodiscard]] std::vector<std::string> leftOver(const Filter& filter) const;
  [[nodiscard]] const std::string& from() const { return m_from; }

 private:
  struct Plan;
  [[nodiscard]] Plan planOf(const std::vector<Filter>& filters, const std::vector<std::string>& keys) const;
  /// Everything before the last SELECT. `kept`: columns of the source that it needs, ending in ", " where there are any.
  [[nodiscard]] std::string head(const Plan& plan, const std::string& kept, bool isOnce = false) const;

  RemoteLayout m_layout;
  const SqlDialect& d;
  std::string m_from, m_where;
};

}  // namespace retort::logs
