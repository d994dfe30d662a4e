// Athena through the user's own `aws`: a query is started, awaited, and its result file fetched from the bucket it lies in.
#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "base/json.h"
#include "logs/aws_program.h"
#include "logs/remote_result.h"
#include "logs/remote_run.h"
#include "logs/remote_source.h"

namespace retort::logs {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kLeastBilled = 10'000'000;      ///< bytes a query is billed for at least

std::string formatted(std::int64_t micros, std::string_view pattern) {
  const std::string iso = isoUtc(micros);              // 2026-03-02T06:00:00Z
  std::string out(pattern);
  const auto put = [&](std::string_view what, std::string_view digits) {
    if (const auto at = out.find(what); at != std::string::npos) out.replace(at, what.size(), digits);
  };
  put("yyyy", std::string_view(iso).substr(0, 4));
  put("MM", std::string_view(iso).substr(5, 2));
  put("dd", std::string_view(iso).substr(8, 2));
  put("HH", std::string_view(iso).substr(11, 2));
  return out;
}

class AthenaSource : public RecordSource {
 public:
  AthenaSource(std::string name, RemoteOptions options) : RecordSource(std::move(name), SqlEngine::athena, std::move(options)) {}
  [[nodiscard]] bool isMetered() const override { return true; }

  Status open(std::string_view place, std::stop_token stop) {
    const auto parts = splitView(place, '.');
    if (parts.size() < 2 || parts.size() > 3 || std::any_of(parts.begin(), parts.end(), [](std::string_view p) { return p.empty(); }))
      return Error{"logs.remote.place", shown(m_name) + " names no table", {}, {}, "Write athena:DATABASE.TABLE, or athena:CATALOG.DATABASE.TABLE.", {}, {}};
    const std::string table(parts.back());
    m_database = parts[parts.size() - 2];
    m_catalog = parts.size() == 3 ? std::string(parts[0]) : "AwsDataCatalog";
    RETORT_TRY(const auto metadata, ask({"athena", "get-table-metadata", "--catalog-name", m_catalog, "--database-name", m_database, "--table-name", table}, stop));
    const Json described = metadata.value("TableMetadata", Json::object());
    const auto read = [&](const char* member) {
      std::vector<RemoteColumn> columns;
      if (const auto list = described.find(member); list != described.end() && list->is_array())
        for (const auto& column : *list) columns.push_back({column.value("Name", ""), lowerAscii(column.value("Type", ""))});
      return columns;
    };
    auto columns = read("Columns");
    if (columns.empty()) return Error{"logs.remote.column", shown(m_name) + " has no columns", {}, {}, "Check the table in Athena.", {}, {}};
    m_layout.isLower = true;
    m_layout.columns = columns;
    RETORT_TRY(const auto where, partitionFilter(read("PartitionKeys"), described.value("Parameters", Json::object())));
    const auto& d = dialectOf(m_engine);
    return look(std::move(columns), d.name(m_database) + "." + d.name(table), where, stop);
  }

 protected:
  Result<RemoteCost> run(const std::string& sql, const RowFn& row, std::stop_token outer) override {
    RETORT_CHECK(makeFolders(m_options.cache));
    const std::string name = "athena-" + newId();
    const fs::path text = m_options.cache / (name + ".sql"), result = m_options.cache / (name + ".csv");
    const RemoveAtEnd removeText{text}, removeResult{result};
    RETORT_CHECK(writeFileAtomically(text, sql));
    const Deadline deadline(std::move(outer), m_options.timeoutS);
    std::vector<std::string> start = {"athena", "start-query-execution", "--query-string", "file://" + text.string(), "--query-execution-context", "Database=" + m_database + ",Catalog=" + m_catalog};
    if (!m_options.workgroup.empty()) start.insert(start.end(), {"--work-group", m_options.workgroup});
    if (!m_options.output.empty()) start.insert(start.end(), {"--result-configuration", "OutputLocation=" + m_options.output});
    RETORT_TRY(const auto started, ask(std::move(start), deadline.token()));
    const std::string id = started.value("QueryExecutionId", "");
    RETORT_TRY(const auto done, await(id, deadline));
    RemoteCost cost;
    cost.queryIds = {id};
    cost.scannedBytes = done.value("Statistics", Json::object()).value("DataScannedInBytes", std::int64_t(0));
    cost.usd = static_cast<double>(std::max(cost.scannedBytes, kLeastBilled)) / 1e12 * m_options.usdPerTerabyte;
    const std::string where = done.value("ResultConfiguration", Json::object()).value("OutputLocation", "");
    if (!where.starts_with("s3://")) return Error{"logs.remote.answer", shown(m_name) + " does not say where its result is", {}, {}, "Give a place for results with --output s3://BUCKET/PREFIX.", {}, {}};
    RETORT_TRY(const auto fetched, runAws({"s3", "cp", where, result.string(), "--only-show-errors"}, deadline.token()));
    (void)fetched;
    RETORT_CHECK(readResultCsv(result, [&](Json fields) -> Result<bool> { return row(dumpJson(asRecord(std::move(fields)))); }));
    return cost;
  }

 private:
  Result<Json> ask(std::vector<std::string> args, std::stop_token stop) const {
    args.insert(args.end(), {"--output", "json"});
    RETORT_TRY(const auto finished, runAws(std::move(args), std::move(stop)));
    return parseJson(finished.out, "the answer of aws");
  }

  /// Asks until the query has ended; stops it when time or patience runs out.
  Result<Json> await(const std::string& id, const Deadline& deadline) const {
    auto pause = std::chrono::milliseconds(100);
    while (true) {
      auto answer = ask({"athena", "get-query-execution", "--query-execution-id", id}, deadline.token());
      if (deadline.token().stop_requested()) {
        (void)runAws({"athena", "stop-query-execution", "--query-execution-id", id}, {});
        return deadline.isOver() ? tooSlow(m_name, m_options.timeoutS) : cancelledError("The query");
      }
      if (!answer.ok()) return std::move(answer).error();
      Json execution = answer->value("QueryExecution", Json::object());
      const Json status = execution.value("Status", Json::object());
      const std::string state = status.value("State", "");
      if (state == "SUCCEEDED") return execution;
      if (state == "FAILED" || state == "CANCELLED") {
        const std::string reason = status.value("StateChangeReason", "");
        return Error{"logs.remote.failed", "Athena could not do its work", shown(m_name), shown(reason.empty() ? state : reason), "Look at query " + shown(id) + " in Athena, or run the query of filter explain --sql athena.", {}, {}};
      }
      for (auto left = pause; left.count() > 0 && !deadline.token().stop_requested(); left -= std::chrono::milliseconds(50)) std::this_thread::sleep_for(std::min(left, decltype(left)(50)));
      pause = std::min(pause * 2, std::chrono::milliseconds(2000));
    }
  }

  /// Every query names a part of the table, where it has parts: nobody should pay for all of it by accident.
  Result<std::string> partitionFilter(const std::vector<RemoteColumn>& keys, const Json& parameters) const {
    const auto& d = dialectOf(m_engine);
    std::vector<std::string> names, conditions;
    for (const auto& key : keys) names.push_back(key.name);
    const auto find = [&](std::string_view name) {
      const auto found = std::find_if(keys.begin(), keys.end(), [&](const RemoteColumn& key) { return key.name == lowerAscii(name); });
      return found == keys.end() ? nullptr : &*found;
    };
    const auto literal = [&](const RemoteColumn& key, const std::string& value) {
      if (key.type == "date") return "DATE " + d.text(value);
      const bool isNumber = key.type.ends_with("int") || key.type == "integer";
      return isNumber && decimalOf(value) ? SqlDialect::number(*decimalOf(value)) : d.text(value);
    };
    for (const auto& [name, value] : m_options.partitions) {
      const auto* key = find(name);
      if (!key) {
        const auto near = nearestName(name, names);
        return Error{"logs.remote.partition", shown(m_name) + " has no partition " + shown(name), {}, {},
                     names.empty() ? "It has none at all." : near.empty() ? "There are " + shown(join(names, ", ")) + "." : "Did you mean " + shown(near) + "?", {}, {}};
      }
      conditions.push_back(d.name(key->name) + " = " + literal(*key, value));
    }
    const auto since = m_options.sinceUs, until = m_options.untilUs;
    const auto range = [&](const RemoteColumn& key, std::string_view pattern) {
      std::vector<std::string> ends;
      if (since) ends.push_back(d.name(key.name) + " >= " + literal(key, formatted(*since, pattern)));
      if (until) ends.push_back(d.name(key.name) + " <= " + literal(key, formatted(*until - 1, pattern)));
      return join(ends, " AND ");
    };
    if (since || until) {
      if (find("year")) {
        // A finer part narrows only where the coarser ones are the same at both ends.
        static constexpr std::pair<std::string_view, std::string_view> kParts[] = {{"year", "yyyy"}, {"month", "MM"}, {"day", "dd"}, {"hour", "HH"}};
        for (const auto& [name, pattern] : kParts) {
          const auto* key = find(name);
          if (!key) break;
          conditions.push_back(range(*key, pattern));
          if (!since || !until || formatted(*since, pattern) != formatted(*until - 1, pattern)) break;
        }
      } else {
        for (const char* name : {"dt", "date", "ds", "day", "datehour", "event_date"})
          if (const auto* key = find(name)) {
            conditions.push_back(range(*key, parameters.value("projection." + key->name + ".format", name == std::string_view("datehour") ? "yyyy/MM/dd/HH" : "yyyy-MM-dd")));
            break;
          }
      }
    }
    if (!keys.empty() && conditions.empty())
      return Error{"logs.remote.partition", "The query would read all of " + shown(m_name), {}, "it is cut into parts by " + shown(join(names, ", ")) + ", and none is chosen",
                   "Give --since and --until, or --partition " + shown(names.front()) + "=VALUE.", {}, {}};
    return join(conditions, " AND ");
  }

  /// What stands in the result as JSON text is JSON again, and Bedrock's names have their capitals back.
  [[nodiscard]] Json asRecord(Json fields) const {
    Json out = Json::object();
    for (auto& [name, value] : fields.items()) {
      const auto column = std::find_if(m_layout.columns.begin(), m_layout.columns.end(), [&](const RemoteColumn& c) { return c.name == name; });
      if (column != m_layout.columns.end() && value.is_string() && column->type != "string" && !column->type.starts_with("varchar") && !column->type.starts_with("char")) {
        const Json parsed = Json::parse(value.get_ref<const std::string&>(), nullptr, false);
        if (!parsed.is_discarded()) value = parsed;
      }
      out[bedrockName(name)] = column == m_layout.columns.end() ? std::move(value) : bedrockNames(std::move(value), name);
    }
    return out;
  }
  static std::string bedrockName(const std::string& lower) {
    static constexpr std::string_view kNames[] = {"schemaType", "schemaVersion", "accountId", "requestId", "modelId", "errorCode", "requestMetadata", "inferenceRegion", "inputContentType",
                                                  "inputBodyJson", "inputBodyS3Path", "inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount",
                                                  "outputContentType", "outputBodyJson", "outputBodyS3Path", "outputTokenCount"};
    for (const auto name : kNames)
      if (lowerAscii(name) == lower) return std::string(name);
    return lower;
  }
  /// Of the two sides of a call; their bodies, and what people wrote, keep their names.
  static Json bedrockNames(Json value, const std::string& column) {
    if (!value.is_object() || (column != "input" && column != "output")) return value;
    Json out = Json::object();
    for (auto& [name, inner] : value.items()) out[bedrockName(name)] = std::move(inner);
    return out;
  }

  std::string m_catalog, m_database;
};

}  // namespace

Result<std::unique_ptr<RecordSource>> openAthenaSource(std::string_view table, RemoteOptions options, std::stop_token stop) {
  auto source = std::make_unique<AthenaSource>("athena:" + std::string(table), std::move(options));
  RETORT_CHECK(source->open(table, std::move(stop)));
  return std::unique_ptr<RecordSource>(std::move(source));
}

}  // namespace retort::logs
