// Reading price tables and the arithmetic of money.
#include "providers/prices.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/paths.h"

namespace retort::providers {
namespace {

__extension__ using Wide = __int128;

/// Digits with an optional point to an integer of `decimals` decimals; nullopt for anything else or what does not fit.
std::optional<std::int64_t> parseFixed(std::string_view text, int decimals) {
  std::int64_t value = 0;
  int seen = -1, digits = 0;
  for (const char c : text) {
    if (c == '.') {
      if (seen >= 0) return std::nullopt;
      seen = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    if (seen >= 0 && ++seen > decimals) return std::nullopt;
    if (value > (INT64_MAX - 9) / 10) return std::nullopt;
    value = value * 10 + (c - '0');
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  for (int i = std::max(seen, 0); i < decimals; ++i) {
    if (value > INT64_MAX / 10) return std::nullopt;
    value *= 10;
  }
  return value;
}

bool isDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Where a date of 8 digits or of the form 2024-08-06 begins behind a hyphen; npos without one. `end` receives its end.
std::size_t findDate(std::string_view text, std::size_t& end) {
  for (std::size_t i = 0; i + 9 <= text.size(); ++i) {
    if (text[i] != '-' || text[i + 1] != '2' || text[i + 2] != '0') continue;
    const auto ends = [&](std::size_t at) { return at == text.size() || !std::isdigit(static_cast<unsigned char>(text[at])); };
    if (isDigits(text.substr(i + 1, 8)) && ends(i + 9)) return end = i + 9, i;
    if (i + 11 <= text.size() && isDigits(text.substr(i + 1, 4)) && text[i + 5] == '-' && isDigits(text.substr(i + 6, 2)) && text[i + 8] == '-' &&
        isDigits(text.substr(i + 9, 2)) && ends(i + 11))
      return end = i + 11, i;
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<std::int64_t> parsePrice(std::string_view dollarsPerMillion) { return parseFixed(dollarsPerMillion, 6); }
std::optional<NanoUsd> parseMoney(std::string_view dollars) { return parseFixed(dollars, 9); }

std::string printPrice(std::int64_t pico) {
  std::string decimals = std::to_string(pico % 1'000'000);
  decimals.insert(0, 6 - decimals.size(), '0');
  while (!decimals.empty() && decimals.back() == '0') decimals.pop_back();
  return std::to_string(pico / 1'000'000) + (decimals.empty() ? "" : "." + decimals);
}

NanoUsd costOf(const Price& price, const Usage& usage, bool isBatch) {
  Wide pico = Wide(usage.input) * price.input + Wide(usage.cacheRead) * price.cacheRead.value_or(price.input) +
              Wide(usage.cacheWrite) * price.cacheWrite.value_or(price.input) + Wide(usage.output) * price.output;
  if (isBatch) pico = pico * price.batchPerMille / 1000;
  return static_cast<NanoUsd>((pico + 500) / 1000);
}

std::string formatMoney(NanoUsd nano) {
  const std::int64_t micro = (nano + 500) / 1000;
  std::string decimals = std::to_string(micro % 1'000'000);
  decimals.insert(0, 6 - decimals.size(), '0');
  while (decimals.size() > 2 && decimals.back() == '0') decimals.pop_back();
  return "$" + formatCount(micro / 1'000'000) + "." + decimals;
}

std::string priceKey(std::string_view id) {
  std::string key(id);
  if (key.starts_with("arn:"))
    if (const auto slash = key.rfind('/'); slash != std::string::npos) key.erase(0, slash + 1);
  for (const std::string_view prefix : {"us.", "eu.", "apac.", "global.", "us-gov.", "jp.", "au."})
    if (key.starts_with(prefix)) {
      key.erase(0, prefix.size());
      break;
    }
  // ":128k" behind a version is the size of the context.
  if (const auto colon = key.rfind(':'); colon != std::string::npos && key.size() > colon + 1 && key.back() == 'k' && isDigits(std::string_view(key).substr(colon + 1, key.size() - colon - 2)))
    key.erase(colon);
  std::size_t end = 0;
  if (const auto date = findDate(key, end); date != std::string_view::npos) key.erase(date, end - date);
  return key;
}

Status PriceTable::add(const Json& document, std::string_view where, std::string_view source) {
  const std::string place(where);
  ObjectReader reader(document, place);
  std::string schema, asOf;
  reader.required("schema", schema).optional("as_of", asOf);
  const Json* models = reader.member("models", true);
  RETORT_CHECK(reader.finish(true));
  if (schema != "retort.prices/1") return Error{"providers.prices.schema", place + " is no price table that Retort knows", place, "its schema is " + shown(schema), "It must be retort.prices/1.", {}, {}};
  if (!models->is_array()) return Error{"providers.prices.form", place + " holds no list of models", place + ": models", {}, "Write a list of objects with model, input and output.", {}, {}};
  std::set<std::string> renewed;
  for (std::size_t i = 0; i < models->size(); ++i) {
    const std::string at = place + ": models[" + std::to_string(i) + "]";
    ObjectReader entry((*models)[i], at);
    std::string model, input, output, cacheRead, cacheWrite, batch;
    Price price;
    price.source = source;
    price.asOf = asOf;
    entry.required("model", model).required("input", input).required("output", output).optional("cache_read", cacheRead).optional("cache_write", cacheWrite);
    entry.optional("batch_share", batch).optional("provider", price.provider).optional("as_of", price.asOf);
    entry.optional("region", price.region).optional("tier", price.tier).optional("from", price.from);
    if (!entry.failed() && !price.from.empty() && !parseIsoTime(price.from + "T00:00:00Z")) entry.fail("from", "must be a day such as \"2026-03-01\"");
    const auto amount = [&](std::string_view key, const std::string& text) -> std::int64_t {
      const auto value = parsePrice(text);
      if (!value) entry.fail(key, "must be dollars per million tokens as text, such as \"2.50\"");
      return value.value_or(0);
    };
    if (entry.failed()) return entry.finish(true);
    price.input = amount("input", input);
    price.output = amount("output", output);
    if (!cacheRead.empty()) price.cacheRead = amount("cache_read", cacheRead);
    if (!cacheWrite.empty()) price.cacheWrite = amount("cache_write", cacheWrite);
    if (!batch.empty()) price.batchPerMille = amount("batch_share", batch) / 1000;
    RETORT_CHECK(entry.finish(true));
    auto& prices = m_prices[model];
    if (renewed.insert(model).second) prices.clear();
    prices.push_back(std::move(price));
  }
  return {};
}

Result<PriceTable> PriceTable::load(const Workspace* workspace) {
  PriceTable table;
  RETORT_TRY(const auto resources, resourcesFolder());
  RETORT_TRY(const auto shipped, readJsonFile(resources / "prices.json", 4u << 20));
  RETORT_CHECK(table.add(shipped, "prices.json", "resources"));
  if (!workspace) return table;
  const auto own = workspace->root() / "prices.json";
  std::error_code error;
  if (!std::filesystem::exists(own, error)) return table;
  RETORT_TRY(const auto document, readJsonFile(own, 4u << 20));
  RETORT_CHECK(table.add(document, own.string(), "workspace"));
  return table;
}

std::span<const Price> PriceTable::entries(std::string_view modelId) const {
  auto it = m_prices.find(modelId);
  if (it == m_prices.end()) it = m_prices.find(priceKey(modelId));
  return it == m_prices.end() ? std::span<const Price>() : std::span<const Price>(it->second);
}

std::optional<Price> PriceTable::find(std::string_view modelId, const PriceQuery& query) const {
  const Price* price = choosePrice(entries(modelId), query);
  return price ? std::optional(*price) : std::nullopt;
}

const Price* choosePrice(std::span<const Price> entries, const PriceQuery& query) {
  const bool isDated = std::any_of(entries.begin(), entries.end(), [](const Price& p) { return !p.from.empty(); });
  const std::string day = isDated && query.timeUs ? isoUtc(*query.timeUs).substr(0, 10) : std::string();
  const Price* best = nullptr;
  const auto rank = [](const Price& p) { return int(!p.region.empty()) + int(!p.tier.empty()); };
  for (const auto& price : entries) {
    if ((!price.region.empty() && price.region != query.region) || (!price.tier.empty() && price.tier != query.tier)) continue;
    if (!day.empty() && price.from > day) continue;
    if (!best || rank(price) > rank(*best) || (rank(price) == rank(*best) && price.from >= best->from)) best = &price;
  }
  return best;
}

namespace {

Json toJson(const std::string& model, const Price& p) {
  Json json = {{"model", model}, {"input", printPrice(p.input)}, {"output", printPrice(p.output)}};
  if (p.cacheRead) json["cache_read"] = printPrice(*p.cacheRead);
  if (p.cacheWrite) json["cache_write"] = printPrice(*p.cacheWrite);
  if (p.batchPerMille != 1000) json["batch_share"] = printPrice(p.batchPerMille * 1000);
  for (const auto& [key, value] : {std::pair<const char*, const std::string&>{"region", p.region}, {"tier", p.tier}, {"from", p.from}, {"as_of", p.asOf}, {"provider", p.provider}})
    if (!value.empty()) json[key] = value;
  return json;
}

}  // namespace

std::int64_t PriceTable::fingerprint() const {
  Json all = Json::array();
  for (const auto& [model, prices] : m_prices)
    for (const auto& price : prices) {
      Json entry = toJson(model, price);
      entry.erase("as_of");
      all.push_back(std::move(entry));
    }
  const std::string digest = sha256Hex(dumpJson(all));
  return static_cast<std::int64_t>(std::stoull(digest.substr(0, 15), nullptr, 16));
}

Status setOwnPrice(const Workspace& workspace, const std::string& model, const std::optional<Price>& price) {
  RETORT_CHECK(workspace.requireWritable());
  const auto file = workspace.root() / "prices.json";
  RETORT_TRY(const auto table, PriceTable::load(&workspace));
  auto all = table.all();
  std::erase_if(all, [](const auto& entry) { return entry.second.front().source != "workspace"; });
  if (price) {
    auto& prices = all[model];
    if (prices.empty()) {
      const auto shipped = table.entries(model);
      prices.assign(shipped.begin(), shipped.end());
    }
    std::erase_if(prices, [&](const Price& p) { return p.region == price->region && p.tier == price->tier && p.from == price->from; });
    prices.push_back(*price);
  } else if (all.erase(model) == 0) {
    return Error{"providers.prices.model", "The project has no price of its own for " + shown(model), file.string(), {}, "See retort-cli logs prices.", {}, {}};
  }
  Json models = Json::array();
  for (const auto& [name, prices] : all)
    for (const auto& p : prices) models.push_back(toJson(name, p));
  return writeJsonFile(file, {{"schema", "retort.prices/1"}, {"currency", "USD"}, {"unit", "per million tokens"}, {"models", std::move(models)}});
}

}  // namespace retort::providers
