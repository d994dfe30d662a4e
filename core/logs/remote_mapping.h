// Which columns and members of a store in place hold the fields that filters name: by content for known formats, else by a map.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logs/field_map.h"
#include "logs/filter.h"
#include "logs/model_alias.h"
#include "logs/remote_dialect.h"

namespace retort::logs {

struct RemoteColumn {
  std::string name, type;              ///< type: as the engine says it
};

/// How the rows of a store are records.
struct RemoteLayout {
  std::vector<RemoteColumn> columns;
  std::string textColumn;              ///< holds each record's JSON text; empty: a row's columns are the record
  bool isParsed = false;               ///< textColumn is of the engine's own JSON type
  bool isLower = false;                ///< the engine knows names of columns and of their members in lower case only
  std::string format;                  ///< "bedrock", or empty
  std::shared_ptr<const FieldMap> map; ///< reads every record, whatever it looks like
  std::shared_ptr<const ModelAliases> aliases;
};

/// One field in SQL, in terms of the columns of the query before it.
struct RemoteField {
  FieldType type = FieldType::text;
  std::string value;                   ///< a text, a whole number or a moment; NULL where it is missing
  std::string isSure;                  ///< where false, only an import can tell the value; empty: it is certain
};

/// Made for one query: fields are asked for first, then what they need of the records.
class RemoteMapping {
 public:
  virtual ~RemoteMapping() = default;
  /// Nothing for a field that cannot be read in place.
  [[nodiscard]] virtual std::optional<RemoteField> field(std::string_view name, bool isBuiltIn) = 0;
  /// Rows that the fields speak of; of others only an import can tell what they are.
  [[nodiscard]] virtual std::string isRecord() = 0;
  /// What all of these are made of: names of intermediate columns and their SQL, in terms of the source's columns and `record`, in stages
  /// that build on each other.
  [[nodiscard]] virtual std::vector<std::vector<std::pair<std::string, std::string>>> parts() const = 0;
};

/// Never null: where nothing is known of the records, no field can be read.
[[nodiscard]] std::unique_ptr<RemoteMapping> mappingOf(const RemoteLayout& layout, const SqlDialect& dialect);

}  // namespace retort::logs
