// What a map names, as SQL expressions.
#include "logs/remote_reader.h"

namespace retort::logs::remote {

namespace {

/// What a forced map names.
class MapMapping : public RemoteMapping {
 public:
  MapMapping(const RemoteLayout& layout, const SqlDialect& dialect) : r(layout, dialect), d(dialect), m_map(*layout.map) {}
  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const override { return r.parts(); }
  [[nodiscard]] std::string isRecord() override { return r.isText() ? allOf({d.isObject("record"), r.isOnce()}) : std::string("true"); }

  [[nodiscard]] std::optional<RemoteField> field(std::string_view name, bool isBuiltIn) override {
    if (!isBuiltIn) return metadata(name);
    static constexpr std::pair<std::string_view, std::string_view> kTexts[] = {{"@region", "region"}, {"@op", "operation"}, {"@error", "error"}, {"@model.raw", "model"}, {"@model", "model"}};
    for (const auto& [field, member] : kTexts)
      if (field == name) {
        auto out = at(member, &Reader::textField);
        if (out && name == "@model") out->value = r.modelOf(out->value);
        return out;
      }
    if (name == "@source") return RemoteField{FieldType::text, d.text(m_map.name()), {}};
    if (name == "@time") return at("time", &Reader::timeField);
    static constexpr std::pair<std::string_view, std::string_view> kCounts[] = {{"@input_tokens", "input_tokens"}, {"@output_tokens", "output_tokens"}, {"@cached_tokens", "cached_tokens"}};
    for (const auto& [field, member] : kCounts)
      if (field == name) return countAt(member);
    return std::nullopt;
  }

 private:
  /// A value and the conditions under which its holders are objects.
  struct Place {
    std::string json;
    std::vector<std::string> isSure;
  };
  [[nodiscard]] std::optional<Place> placeOf(const JsonPath& path) {
    const auto names = path.members();
    if (!names || names->empty()) return std::nullopt;
    // A name with dots may be one column of a flat table.
    const std::string flat = join(*names, ".");
    if (!r.isText() && names->size() > 1 && r.hasColumn(flat)) return Place{r.at({flat}, false), {}};
    Place place{r.at(*names, false), {}};
    // JSON in a text is unpacked by an import, not here.
    for (std::size_t n = 1; n < names->size(); ++n) {
      const Path holder(names->begin(), names->begin() + static_cast<std::ptrdiff_t>(n));
      if (r.isText()) place.isSure.push_back(anyOf({r.isMissingAt(holder), r.isObjectAt(holder)}));
      else place.isSure.push_back(anyOf({d.isMissing(r.at(holder, false)), d.isObject(r.at(holder, false))}));
    }
    if (r.isText() && names->size() > 1) place.isSure.push_back(d.isMissing(r.at({flat}, false)));
    return place;
  }

  /// The first of a field's paths that holds something.
  [[nodiscard]] std::optional<RemoteField> at(std::string_view name, RemoteField (Reader::*read)(const std::string&) const) {
    const auto paths = m_map.pathsOf(name);
    // Of several paths the first one is read here; where it is empty, an import looks further.
    if (paths.empty()) return (r.*read)(d.nothing());
    const auto place = placeOf(paths[0]);
    if (!place) return std::nullopt;
    auto out = (r.*read)(place->json);
    auto sure = place->isSure;
    sure.push_back(out.isSure);
    if (paths.size() > 1) sure.push_back("NOT " + d.isMissing(place->json));
    out.isSure = allOf(sure);
    return out;
  }

  [[nodiscard]] std::optional<RemoteField> countAt(std::string_view name) {
    const auto paths = m_map.pathsOf(name);
    if (paths.size() != 1) return std::nullopt;   // what the answer says counts too
    const auto place = placeOf(paths[0]);
    if (!place) return std::nullopt;
    auto sure = place->isSure;
    sure.push_back(d.integerOf(place->json) + " >= 0");
    return RemoteField{FieldType::number, d.integerOf(place->json), allOf(sure)};
  }

  [[nodiscard]] std::optional<RemoteField> metadata(std::string_view key) {
    constexpr std::string_view kMostValue = "4096";   // bytes; longer ones are left out by an import
    std::optional<Place> found;
    const JsonPath* all = nullptr;
    for (const auto& [name, path] : m_map.metadata()) {
      if (name == "*") all = &path;
      else if (name == key) found = placeOf(path);
    }
    if (found && all) return std::nullopt;   // whichever comes last counts
    if (!found && all) {
      found = placeOf(*all);
      if (!found || key.find('.') != std::string_view::npos) return std::nullopt;   // a key with a dot may be two names
      found->isSure.push_back(anyOf({d.isMissing(found->json), d.isObject(found->json)}));
      if (const auto twice = d.isTwice(found->json); !twice.empty()) found->isSure.push_back("NOT coalesce(" + twice + ", false)");
      found->json = d.member(found->json, key);
    }
    if (!found) return r.valueField(d.nothing());
    auto out = r.valueField(found->json);
    auto sure = found->isSure;
    sure.push_back(out.isSure);
    sure.push_back("coalesce(length(" + out.value + "), 0) <= " + std::string(kMostValue) + " / 4");
    out.isSure = allOf(sure);
    return out;
  }

  Reader r;
  const SqlDialect& d;
  const FieldMap& m_map;
};

}  // namespace

std::unique_ptr<RemoteMapping> mapMapping(const RemoteLayout& layout, const SqlDialect& dialect) { return std::make_unique<MapMapping>(layout, dialect); }

}  // namespace retort::logs::remote
