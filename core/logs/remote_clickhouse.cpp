// ClickHouse over HTTP: a query is posted, its rows come as JSON lines and are laid in a file before they are read, so that the network
// never waits for an import.
#include <cerrno>
#include <condition_variable>
#include <fstream>
#include <mutex>

#include "base/error.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "base/json.h"
#include "logs/remote_result.h"
#include "logs/remote_run.h"
#include "logs/remote_source.h"
#include "providers/http.h"
#include "providers/secret.h"

namespace retort::logs {

namespace fs = std::filesystem;

namespace {

class ClickHouseSource : public RecordSource {
 public:
  ClickHouseSource(std::string name, RemoteOptions options) : RecordSource(std::move(name), SqlEngine::clickhouse, std::move(options)) {}

  Status open(std::string_view place, std::stop_token stop) {
    const auto slash = place.rfind('/');
    const auto scheme = place.find("://");
    const auto table = slash == std::string_view::npos ? std::string_view() : place.substr(slash + 1);
    const auto parts = splitView(table, '.');
    if (scheme == std::string_view::npos || slash < scheme + 3 || table.empty() || parts.size() > 2)
      return Error{"logs.remote.place", shown(m_name) + " names no table", {}, {}, "Write clickhouse:http://HOST:8123/DATABASE.TABLE, or https.", {}, {}};
    m_url = std::string(place.substr(0, slash)) + "/";
    RETORT_TRY(const auto origin, providers::originOf(m_url));
    (void)origin;
    const auto& d = dialectOf(m_engine);
    std::vector<std::string> names;
    for (const auto part : parts) names.push_back(d.name(part));
    const std::string from = join(names, ".");
    std::vector<RemoteColumn> columns;
    RETORT_CHECK(run("DESCRIBE TABLE " + from, [&](std::string_view row) -> Result<bool> {
      RETORT_TRY(const auto json, parseJson(row, m_name));
      columns.push_back({json.value("name", ""), json.value("type", "")});
      return true;
    }, stop));
    return look(std::move(columns), from, {}, stop);
  }

 protected:
  Result<RemoteCost> run(const std::string& sql, const RowFn& row, std::stop_token outer) override {
    RETORT_CHECK(makeFolders(m_options.cache));
    const fs::path file = m_options.cache / ("clickhouse-" + newId() + ".jsonl");
    const RemoveAtEnd remove{file};
    const Deadline deadline(std::move(outer), m_options.timeoutS);
    RETORT_TRY(auto request, requestOf(sql));
    RETORT_TRY(const auto status, fetch(std::move(request), file, deadline));
    if (status != 200) {
      const auto words = readFile(file, 1u << 20);
      return Error{"logs.remote.failed", "ClickHouse could not do its work", shown(m_name), shown(words.ok() && !words->empty() ? std::string(trimmed(*words)).substr(0, 1000) : "it answered " + std::to_string(status)),
                   status == 401 || status == 403 || status == 516 ? "Set RETORT_CLICKHOUSE_USER and RETORT_KEY_CLICKHOUSE." : "Run the query of filter explain --sql clickhouse there.", {}, {}};
    }
    RETORT_CHECK(readResultLines(file, m_name, row));
    return RemoteCost{};
  }

 private:
  Result<providers::HttpRequest> requestOf(const std::string& sql) const {
    providers::HttpRequest request;
    request.method = "POST";
    // Whole numbers as numbers; a slip of ours must not write anything.
    request.url = m_url + "?default_format=JSONEachRow&output_format_json_quote_64bit_integers=0&readonly=2";
    request.body = sql;
    request.headers.push_back({"Content-Type", "text/plain; charset=utf-8", false});
    request.timeouts.firstByte = request.timeouts.idle = request.timeouts.total = m_options.timeoutS;
    request.maxBody = std::size_t(1) << 40;            // laid in a file
    if (const char* user = std::getenv("RETORT_CLICKHOUSE_USER"); user && *user) request.headers.push_back({"X-ClickHouse-User", user, false});
    RETORT_TRY(const auto key, providers::findKey("clickhouse", {}, {}));
    if (!key.isEmpty()) request.headers.push_back({"X-ClickHouse-Key", key.reveal(), true});
    return request;
  }

  /// The body goes into the file as it comes; the status of the answer.
  Result<int> fetch(providers::HttpRequest request, const fs::path& file, const Deadline& deadline) const {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    if (!out) return systemError("base.file.write", "written", file.string(), errno);
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<providers::HttpEnd> end;
    providers::HttpHandlers handlers;
    handlers.data = [&](std::string_view bytes) -> Status {
      if (!out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return systemError("base.file.write", "written", file.string(), errno);
      return {};
    };
    handlers.done = [&](providers::HttpEnd&& ended) {
      std::lock_guard lock(mutex);
      end = std::move(ended);
      changed.notify_all();
    };
    const auto client = providers::HttpClient::shared();
    client->start(std::move(request), std::move(handlers), deadline.token());
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return end.has_value(); });
    out.close();
    if (deadline.isOver()) return tooSlow(m_name, m_options.timeoutS);
    if (end->error) return std::move(*end->error);
    if (!out) return systemError("base.file.write", "written", file.string(), errno);
    return end->head.status;
  }

  std::string m_url;
};

}  // namespace

Result<std::unique_ptr<RecordSource>> openClickHouseSource(std::string_view url, RemoteOptions options, std::stop_token stop) {
  auto source = std::make_unique<ClickHouseSource>("clickhouse:" + std::string(url), std::move(options));
  RETORT_CHECK(source->open(url, std::move(stop)));
  return std::unique_ptr<RecordSource>(std::move(source));
}

}  // namespace retort::logs
