// From a filter to SQL. Under "not", what cannot be said must be taken for false rather than true, so that no row is lost.
#include "logs/remote_sql.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/format.h"

namespace retort::logs {

namespace {

using FieldKey = std::pair<std::string, bool>;           ///< name, is a built-in

void collectFields(const FilterNode& node, std::set<FieldKey>& out) {
  if (node.kind == FilterNode::Kind::test) out.emplace(node.field, node.isBuiltIn);
  for (const auto& child : node.children) collectFields(child, out);
}

bool isPlainName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '@' || c == '-' || c == ' '; });
}

}  // namespace

/// The fields of a query: where each stands, and under which name.
struct RemoteSql::Plan {
  struct Named {
    std::string alias;
    RemoteField field;
    std::string sureAlias;               ///< of a facet: its own certainty, so that one key's doubtful rows do not count against another's
  };
  std::map<FieldKey, Named> fields;
  std::vector<FieldKey> order;
  std::unique_ptr<RemoteMapping> mapping;
};

namespace {

/// One filter as a condition; nothing where it says nothing that SQL can decide.
template <typename Plan>
struct Writer {
  const SqlDialect& d;
  const Plan& plan;
  Missing missing;
  std::vector<std::string>* leftOver = nullptr;

  std::optional<std::string> unsaid(const FilterNode& node) const {
    if (leftOver) leftOver->push_back(printFilter({node, Missing::differs}));
    return std::nullopt;
  }

  [[nodiscard]] std::string literal(const FilterValue& value, FieldType type) const {
    if (type == FieldType::time) return d.time(parseIsoTime(value.text).value_or(0));
    if (type == FieldType::number) return SqlDialect::number(decimalOf(value.text).value_or(0));
    return d.text(value.text);
  }

  std::optional<std::string> test(const FilterNode& node) const {
    const auto found = plan.fields.find({node.field, node.isBuiltIn});
    const bool hasNul = std::any_of(node.values.begin(), node.values.end(), [](const FilterValue& v) { return v.text.find('\0') != std::string::npos; });
    if (found == plan.fields.end() || hasNul) return unsaid(node);
    const auto type = found->second.field.type;
    const std::string& x = found->second.alias;
    const bool isOrder = node.op == FilterOp::less || node.op == FilterOp::lessEqual || node.op == FilterOp::greater || node.op == FilterOp::greaterEqual || node.op == FilterOp::between;
    // What people wrote is compared as decimals.
    const std::string number = isOrder && type == FieldType::text ? d.decimalOf(x) : x;
    const auto valueType = isOrder && type == FieldType::text ? FieldType::number : type;
    const auto value = [&](std::size_t i) { return literal(node.values.at(i), valueType); };
    switch (node.op) {
      case FilterOp::equal: return x + " = " + value(0);
      case FilterOp::notEqual: return missing == Missing::differs ? d.differs(x, value(0)) : x + " <> " + value(0);
      case FilterOp::less: return number + " < " + value(0);
      case FilterOp::lessEqual: return number + " <= " + value(0);
      case FilterOp::greater: return number + " > " + value(0);
      case FilterOp::greaterEqual: return number + " >= " + value(0);
      case FilterOp::between: return number + " BETWEEN " + value(0) + " AND " + value(1);
      case FilterOp::exists: return x + " IS NOT NULL";
      case FilterOp::contains: return d.contains(x, value(0));
      case FilterOp::prefix: return d.startsWith(x, value(0));
      case FilterOp::in: {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < node.values.size(); ++i) all.push_back(value(i));
        return x + " IN (" + join(all, ", ") + ")";
      }
      case FilterOp::regex: {
        const auto portable = portableRegex(node.values.at(0).text);
        return portable ? std::optional(d.matches(x, *portable)) : unsaid(node);
      }
      case FilterOp::match: break;   // nobody else divides texts into words as we do
    }
    return unsaid(node);
  }

  /// A condition that is true wherever the node is (`isNegated`: only where it is).
  std::optional<std::string> node(const FilterNode& from, bool isNegated) const {
    switch (from.kind) {
      case FilterNode::Kind::all: return std::string("true");
      case FilterNode::Kind::test: return test(from);
      case FilterNode::Kind::notNode: {
        const auto inside = node(from.children[0], !isNegated);
        // NULL, a field without a value, is false before it is turned round.
        return inside ? std::optional("NOT coalesce(" + *inside + ", false)") : std::nullopt;
      }
      case FilterNode::Kind::andNode:
      case FilterNode::Kind::orNode: break;
    }
    const bool isAnd = from.kind == FilterNode::Kind::andNode;
    std::vector<std::string> parts;
    bool isWhole = true;
    for (const auto& child : from.children) {
      auto made = node(child, isNegated);
      if (!made) isWhole = false;
      else parts.push_back(child.kind == FilterNode::Kind::andNode || child.kind == FilterNode::Kind::orNode ? "(" + *made + ")" : *made);
    }
    // To be wide, an "and" may lose parts and an "or" may not; to be narrow, the reverse.
    if (!isWhole && isAnd == isNegated) return std::nullopt;
    if (parts.empty()) return std::nullopt;
    return join(parts, isAnd ? " AND " : " OR ");
  }
};

}  // namespace

RemoteSql::RemoteSql(const RemoteLayout& layout, const SqlDialect& dialect, std::string from, std::string where)
    : m_layout(layout), d(dialect), m_from(std::move(from)), m_where(std::move(where)) {}
RemoteSql::~RemoteSql() = default;

RemoteSql::Plan RemoteSql::planOf(const std::vector<Filter>& filters, const std::vector<std::string>& keys) const {
  std::set<FieldKey> filtered;
  for (const auto& filter : filters) collectFields(filter.root, filtered);
  std::set<FieldKey> wanted = filtered;
  for (const auto& key : keys) wanted.emplace(key, key.starts_with('@'));
  Plan plan;
  plan.mapping = mappingOf(m_layout, d);
  std::set<std::string> taken = {"line", "record", "is_sure", "keys_of", "at_1", "types_of", "model_id", "model_name", "facet_key", "facet_value", "facet_n", "facet_values"};
  for (const auto& column : m_layout.columns) taken.insert(lowerAscii(column.name));
  for (const auto& key : wanted) {
    const bool isUsable = key.first.find('\0') == std::string::npos;
    auto field = isUsable ? plan.mapping->field(key.first, key.second) : std::nullopt;
    if (!field) continue;
    std::string alias = key.first;
    for (int n = 1; !isPlainName(alias) || taken.contains(lowerAscii(alias)); ++n) alias = "field " + std::to_string(n);
    taken.insert(lowerAscii(alias));
    plan.order.push_back(key);
    const bool isInFilter = filtered.contains(key);
    plan.fields.emplace(key, Plan::Named{d.name(alias), std::move(*field), isInFilter ? std::string() : "sure_" + std::to_string(plan.order.size())});
  }
  return plan;
}

std::string RemoteSql::head(const Plan& plan, const std::string& kept, bool isOnce) const {
  const bool isText = !m_layout.textColumn.empty();
  const auto column = d.name(m_layout.textColumn);
  const std::string json = isText ? (m_layout.isParsed ? column : d.jsonOfText(column)) : std::string();
  std::string sql = "WITH source AS (\n  SELECT " + (isText ? (m_layout.isParsed ? d.castText(column) : column) + " AS line, " + json + " AS record" : std::string("*")) + "\n  FROM " + m_from + (m_where.empty() ? "" : "\n  WHERE " + m_where) + "\n),\n";
  std::vector<std::string> sure = {plan.mapping->isRecord()};
  for (const auto& key : plan.order)
    if (const auto& named = plan.fields.at(key); named.sureAlias.empty() && !named.field.isSure.empty() && std::find(sure.begin(), sure.end(), named.field.isSure) == sure.end()) sure.push_back(named.field.isSure);
  static constexpr const char* kStages[] = {"columns", "parsed", "part", "model"};
  std::string before = "source";
  std::size_t n = 0;
  for (const auto& stage : plan.mapping->parts()) {
    const std::string name = kStages[n++];
    if (stage.empty()) continue;
    sql += name + " AS (\n  SELECT *";
    for (const auto& [made, expression] : stage) sql += ",\n    " + expression + " AS " + made;
    sql += "\n  FROM " + before + "\n),\n";
    before = name;
  }
  sql += "field AS " + std::string(isOnce ? d.once() : std::string_view()) + "(\n  SELECT " + kept;
  for (const auto& key : plan.order) {
    const auto& named = plan.fields.at(key);
    sql += named.field.value + " AS " + named.alias + ",\n    ";
    if (!named.sureAlias.empty()) sql += "coalesce(" + (named.field.isSure.empty() ? "true" : named.field.isSure) + ", false) AS " + named.sureAlias + ",\n    ";
  }
  return sql + "coalesce(" + join(sure, "\n      AND ") + ", false) AS is_sure\n  FROM " + before + "\n)\n";
}

std::string RemoteSql::condition(const Filter& filter) const {
  const auto plan = planOf({filter}, {});
  return Writer<Plan>{d, plan, filter.missing}.node(filter.root, false).value_or(std::string());
}

std::vector<std::string> RemoteSql::leftOver(const Filter& filter) const {
  std::vector<std::string> clauses;
  const auto plan = planOf({filter}, {});
  (void)Writer<Plan>{d, plan, filter.missing, &clauses}.node(filter.root, false);
  return clauses;
}

std::string RemoteSql::count(const Filter& filter) const {
  const auto plan = planOf({filter}, {});
  const auto where = Writer<Plan>{d, plan, filter.missing}.node(filter.root, false).value_or("true");
  const auto sum = [](const std::string& what) { return "coalesce(sum(CASE WHEN " + what + " THEN 1 ELSE 0 END), 0)"; };
  const std::string isThere = m_layout.textColumn.empty() ? "true" : "line IS NOT NULL";
  return head(plan, m_layout.textColumn.empty() ? "" : "line, ") + "SELECT count(*) AS of_rows,\n  " + sum("is_sure AND (" + where + ")") + " AS matching,\n  " + sum("NOT is_sure AND " + isThere) + " AS undecided,\n  " +
         sum("NOT (" + isThere + ")") + " AS unreadable\nFROM field";
}

std::string RemoteSql::pull(const Filter& filter, std::size_t limit) const {
  const auto plan = planOf({filter}, {});
  const auto where = Writer<Plan>{d, plan, filter.missing}.node(filter.root, false);
  std::string columns = "line", kept = "line";
  if (m_layout.textColumn.empty()) {
    std::vector<std::string> names, exported;
    for (const auto& column : m_layout.columns) {
      names.push_back(d.name(column.name));
      exported.push_back(d.exported(column.name, column.type));
    }
    kept = join(names, ", ");
    columns = join(exported, ", ");
  }
  const std::string isThere = m_layout.textColumn.empty() ? std::string() : "line IS NOT NULL";
  std::string condition = where && *where != "true" ? "(NOT is_sure OR " + (filter.root.kind == FilterNode::Kind::test ? *where : "(" + *where + ")") + ")" : std::string();
  if (!isThere.empty()) condition = isThere + (condition.empty() ? "" : "\n  AND " + condition);
  return head(plan, kept + ", ") + "SELECT " + columns + "\nFROM field" + (condition.empty() ? "" : "\nWHERE " + condition) + (limit > 0 ? "\nLIMIT " + std::to_string(limit) : std::string());
}

std::string RemoteSql::facets(const Filter& filter, const std::vector<std::string>& keys, std::size_t limit) const {
  const auto plan = planOf({filter}, keys);
  std::string sql;
  for (const auto& key : keys) {
    const auto found = plan.fields.find({key, key.starts_with('@')});
    if (found == plan.fields.end()) continue;
    const auto rest = withoutClausesOf(filter, key, key.starts_with('@'));
    const auto where = Writer<Plan>{d, plan, filter.missing}.node(rest.root, false).value_or("true");
    const std::string& value = found->second.alias;
    const std::string isThere = "CASE WHEN " + value + " IS NULL THEN 0 ELSE 1 END";
    sql += std::string(sql.empty() ? "" : "\nUNION ALL\n") + "SELECT * FROM (\n  SELECT " + d.text(key) + " AS facet_key, " + d.castText(value) + " AS facet_value, count(*) AS facet_n, sum(" + isThere +
           ") OVER () AS facet_values\n  FROM field\n  WHERE is_sure AND " + (found->second.sureAlias.empty() ? "" : found->second.sureAlias + " AND ") + "(" + where + ")\n  GROUP BY " + value + "\n  ORDER BY " + isThere + ", facet_n DESC, " + value + "\n  LIMIT " + std::to_string(limit + 1) + "\n) AS one";
  }
  return sql.empty() ? sql : head(plan, {}, true) + sql;
}

}  // namespace retort::logs
