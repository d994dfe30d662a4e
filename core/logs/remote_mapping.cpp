// Choosing how records are read in place.
#include "logs/remote_reader.h"

namespace retort::logs {

namespace {

/// The record is not known: nothing is said in SQL.
class NoMapping : public RemoteMapping {
 public:
  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const override { return {}; }
  [[nodiscard]] std::string isRecord() override { return "false"; }
  [[nodiscard]] std::optional<RemoteField> field(std::string_view, bool) override { return std::nullopt; }
};

}  // namespace

std::unique_ptr<RemoteMapping> mappingOf(const RemoteLayout& layout, const SqlDialect& dialect) {
  if (layout.map) return remote::mapMapping(layout, dialect);
  if (layout.format == "bedrock") return remote::bedrockMapping(layout, dialect);
  return std::make_unique<NoMapping>();
}

}  // namespace retort::logs
