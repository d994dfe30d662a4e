// The life of a batch: folder, submission, watching, collecting.
#include <algorithm>
#include <unordered_map>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "providers/auth.h"
#include "providers/batch.h"
#include "providers/json_peek.h"
#include "providers/request_hash.h"
#include "providers/rules.h"

namespace retort::providers {
namespace {

fs::path folderOf(const Workspace& workspace) { return workspace.root() / "batches"; }
Status save(const Workspace& workspace, const Batch& batch) { return writeJsonFile(folderOf(workspace) / batch.id / "batch.json", toJson(batch)); }

/// Requests to the provider's own address, with its key.
class Caller {
 public:
  static Result<Caller> of(const Teacher& teacher, std::shared_ptr<HttpClient> http) {
    Caller c(teacher, http ? std::move(http) : HttpClient::shared());
    RETORT_TRY(c.m_authorizer, Authorizer::of(teacher));
    return c;
  }
  Result<std::string> call(const std::string& method, const std::string& path, std::string body, const std::string& type, std::stop_token stop) const {
    HttpRequest r;
    r.method = method;
    r.url = path.starts_with("http") ? path : m_teacher.baseUrl() + path;
    // A results address comes from the server: the key goes to no other host.
    RETORT_TRY(const auto own, originOf(m_teacher.baseUrl()));
    RETORT_TRY(const auto there, originOf(r.url));
    if (!(own == there)) return Error{"providers.batch.address", m_teacher.name + " names results at another host", there.text(), "the key of " + own.text() + " does not go there", "Fetch the file yourself and join it with: teacher batches --join FILE", {}, {}};
    r.body = std::move(body);
    r.maxBody = 1u << 30;
    r.timeouts = m_teacher.timeouts;
    r.timeouts.total = std::max(r.timeouts.total, 1800.0);
    r.caFile = m_teacher.caFile;
    if (!type.empty()) r.headers.push_back({"Content-Type", type, false});
    RETORT_CHECK(m_authorizer->sign(r, utcMicros()));
    RETORT_TRY(auto response, m_http->fetch(std::move(r), stop));
    if (response.head.status < 200 || response.head.status >= 300) return classifyHttp(m_teacher.name, response.head.status, response.body, response.head.headers, utcMicros()).error;
    return std::move(response.body);
  }
  Result<Json> json(const std::string& method, const std::string& path, std::string body, std::stop_token stop) const {
    RETORT_TRY(const auto text, call(method, path, std::move(body), method == "POST" ? "application/json" : "", stop));
    return parseJson(text, m_teacher.name);
  }

 private:
  Caller(const Teacher& teacher, std::shared_ptr<HttpClient> http) : m_teacher(teacher), m_http(std::move(http)) {}
  Teacher m_teacher;
  std::shared_ptr<HttpClient> m_http;
  std::shared_ptr<Authorizer> m_authorizer;
};

Result<std::string> submitOpenAi(const Caller& caller, const Teacher& teacher, const std::string& file, const std::string& name, std::stop_token stop) {
  const std::string boundary = "retort-" + newId();
  std::string form = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name +
                     "\"\r\nContent-Type: application/jsonl\r\n\r\n" + file + "\r\n--" + boundary + "--\r\n";
  RETORT_TRY(const auto uploaded, caller.call("POST", "/files", std::move(form), "multipart/form-data; boundary=" + boundary, stop));
  RETORT_TRY(const auto json, parseJson(uploaded, teacher.name));
  const auto id = peekText(json, "id");
  if (id.empty()) return Error{"providers.batch.form", teacher.name + " took the file without a name for it", {}, {}, "Check the address.", {}, {}};
  RETORT_TRY(const auto made, caller.json("POST", "/batches", dumpJson({{"input_file_id", id}, {"endpoint", teacher.kind == Kind::openaiResponses ? "/v1/responses" : "/v1/chat/completions"}, {"completion_window", "24h"}}), stop));
  return peekText(made, "id");
}

Status watchPart(const Caller& caller, const Teacher& teacher, Batch::Part& part, bool& isOver, std::stop_token stop) {
  if (teacher.kind == Kind::anthropic) {
    RETORT_TRY(const auto json, caller.json("GET", "/messages/batches/" + part.remoteId, {}, stop));
    part.state = peekText(json, "processing_status");
    part.results.clear();
    if (const auto url = peekText(json, "results_url"); !url.empty()) part.results.push_back(url);
    isOver = part.state == "ended";
    return {};
  }
  RETORT_TRY(const auto json, caller.json("GET", "/batches/" + part.remoteId, {}, stop));
  part.state = peekText(json, "status");
  part.results.clear();
  for (const char* key : {"output_file_id", "error_file_id"})
    if (const auto file = peekText(json, key); !file.empty()) part.results.push_back("/files/" + file + "/content");
  isOver = part.state == "completed" || part.state == "failed" || part.state == "expired" || part.state == "cancelled";
  return {};
}

/// The attempts of a batch by question, as they were noted when it was sent.
Result<std::unordered_map<std::string, SentAttempt>> attemptsOf(const Workspace& workspace, const Teacher& teacher, const std::string& id) {
  std::unordered_map<std::string, SentAttempt> out;
  LineTail tail(UsageLog::fileOf(workspace));
  for (;;) {
    RETORT_TRY(const auto n, tail.poll([&](std::string_view line) {
      const auto json = parseJson(line, "usage");
      if (!json.ok()) return;
      if (peekText(*json, "event") == "sent" && peekText(*json, "batch") == id) {
        SentAttempt a;
        a.id = peekText(*json, "id"), a.hash = peekText(*json, "hash"), a.run = peekText(*json, "run"), a.row = peekText(*json, "row"), a.teacher = teacher.name, a.batch = id;
        out[a.hash] = a;
      } else if (peekText(*json, "event") == "done" && peekText(*json, "run") == "batch-" + id) {
        for (auto& [hash, a] : out)
          if (a.id == peekText(*json, "id")) a.tries = 0;   // settled already
      }
    }));
    if (n == 0) return out;
  }
}

Status collect(const Teacher& teacher, Batch& batch, std::unordered_map<std::string, SentAttempt>& open, std::string_view text, ResponseCache& cache, UsageLog& log, const std::optional<Price>& price) {
  const auto take = [&](BatchAnswer&& a) -> Status {
    const auto it = open.find(a.hash);
    if (it == open.end() || it->second.tries == 0) return {};   // not ours, or joined before
    const bool isOk = a.outcome.end == End::ok;
    if (isOk) RETORT_CHECK(cache.add(a.hash, a.outcome.answer));
    const NanoUsd cost = !a.outcome.answer.usage.isKnown ? 0 : price ? costOf(*price, a.outcome.answer.usage, true) : -1;
    RETORT_CHECK(log.done(it->second, a.outcome, cost, false));
    it->second.tries = 0;
    ++(isOk ? batch.answered : batch.failed);
    return {};
  };
  RETORT_CHECK(readBatchResults(teacher, text, take));
  RETORT_CHECK(cache.sync());
  return log.sync();
}

}  // namespace

Json toJson(const Batch& b) {
  Json parts = Json::array();
  for (const auto& p : b.parts) parts.push_back({{"file", p.file}, {"remote_id", p.remoteId}, {"state", p.state}, {"results", p.results}});
  return {{"schema", "retort.batch/1"}, {"id", b.id}, {"teacher", b.teacher}, {"state", b.state}, {"submitted", b.submitted}, {"items", b.items}, {"answered", b.answered}, {"failed", b.failed}, {"missing", b.missing}, {"parts", parts}};
}

Result<Batch> loadBatch(const Workspace& workspace, std::string_view id) {
  RETORT_TRY(const auto full, resolveProduct(folderOf(workspace), id, "batch", [](const std::string&) { return std::string(); }));
  RETORT_TRY(const auto json, readJsonFile(folderOf(workspace) / full / "batch.json"));
  Batch b;
  b.id = full;
  b.teacher = peekText(json, "teacher");
  b.state = peekText(json, "state");
  b.submitted = peekText(json, "submitted");
  b.items = peekCount(json, "items"), b.answered = peekCount(json, "answered"), b.failed = peekCount(json, "failed"), b.missing = peekCount(json, "missing");
  if (const Json& parts = peek(json, "parts"); parts.is_array())
    for (const auto& p : parts) {
      Batch::Part part{peekText(p, "file"), peekText(p, "remote_id"), peekText(p, "state"), {}};
      if (const Json& results = peek(p, "results"); results.is_array())
        for (const auto& r : results)
          if (r.is_string()) part.results.push_back(r.get<std::string>());
      b.parts.push_back(std::move(part));
    }
  return b;
}

std::vector<Batch> listBatches(const Workspace& workspace) {
  std::vector<Batch> out;
  for (const auto& id : listProducts(folderOf(workspace)))
    if (auto b = loadBatch(workspace, id); b.ok()) out.push_back(std::move(*b));
  return out;
}

Result<Batch> submitBatch(const Workspace& workspace, const Teacher& teacher, const std::vector<BatchItem>& items, UsageLog& log, const std::optional<Price>& price, std::shared_ptr<HttpClient> http, std::stop_token stop) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(const auto files, batchFiles(teacher, items));
  std::optional<Caller> caller;
  if (teacher.kind != Kind::bedrock) {
    RETORT_TRY(caller, Caller::of(teacher, http));
  }
  Batch batch;
  RETORT_CHECK(makeFolders(folderOf(workspace)));
  RETORT_TRY(auto folder, beginProduct(folderOf(workspace), batch.id));
  batch.teacher = teacher.name;
  batch.items = static_cast<std::int64_t>(items.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    batch.parts.push_back({"part-" + std::to_string(i + 1) + (teacher.kind == Kind::anthropic ? ".json" : ".jsonl"), {}, "written", {}});
    RETORT_CHECK(writeFileAtomically(folder.path() / batch.parts.back().file, files[i]));
  }
  RETORT_CHECK(writeJsonFile(folder.path() / "batch.json", toJson(batch)));
  RETORT_CHECK(folder.commit());
  // On record before anything goes out: a crash between submission and its answer must not lose a bill.
  std::vector<SentAttempt> sent;
  for (const auto& item : items) {
    SentAttempt a{log.newAttemptId(), item.hash, "batch-" + batch.id, item.request.id, teacher.name, teacher.model, teacher.host(), 1, -1, batch.id};
    if (price) a.worst = costOf(*price, {estimatedPromptTokens(item.request), 0, 0, item.request.sampling.maxTokens, 0, true}, true);
    sent.push_back(std::move(a));
  }
  RETORT_CHECK(log.sent(sent));
  if (!caller) return batch;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& part = batch.parts[i];
    if (teacher.kind == Kind::anthropic) {
      RETORT_TRY(const auto made, caller->json("POST", "/messages/batches", files[i], stop));
      part.remoteId = peekText(made, "id");
    } else {
      RETORT_TRY(part.remoteId, submitOpenAi(*caller, teacher, files[i], part.file, stop));
    }
    part.state = "submitted";
    batch.state = "running";
    batch.submitted = isoUtc(utcMicros());
    RETORT_CHECK(save(workspace, batch));
  }
  return batch;
}

Result<Batch> watchBatch(const Workspace& workspace, const Teacher& teacher, std::string_view id, ResponseCache& cache, UsageLog& log, const std::optional<Price>& price, std::shared_ptr<HttpClient> http, std::stop_token stop) {
  RETORT_TRY(auto batch, loadBatch(workspace, id));
  if (batch.state == "collected" || teacher.kind == Kind::bedrock) return batch;
  RETORT_TRY(const auto caller, Caller::of(teacher, std::move(http)));
  bool isAllOver = true;
  for (auto& part : batch.parts) {
    if (part.remoteId.empty()) continue;   // never submitted: a crash in between
    bool isOver = false;
    RETORT_CHECK(watchPart(caller, teacher, part, isOver, stop));
    isAllOver = isAllOver && isOver;
  }
  batch.state = isAllOver ? "ended" : "running";
  RETORT_CHECK(save(workspace, batch));
  if (!isAllOver) return batch;
  RETORT_TRY(auto open, attemptsOf(workspace, teacher, batch.id));
  int number = 0;
  for (const auto& part : batch.parts)
    for (const auto& reference : part.results) {
      RETORT_TRY(const auto text, caller.call("GET", reference, {}, {}, stop));
      RETORT_CHECK(writeFileAtomically(folderOf(workspace) / batch.id / ("result-" + std::to_string(++number) + ".jsonl"), text));
      RETORT_CHECK(collect(teacher, batch, open, text, cache, log, price));
    }
  batch.missing = batch.items - batch.answered - batch.failed;
  batch.state = "collected";
  RETORT_CHECK(save(workspace, batch));
  return batch;
}

Result<Batch> collectBatchFile(const Workspace& workspace, const Teacher& teacher, std::string_view id, const std::filesystem::path& file, ResponseCache& cache, UsageLog& log, const std::optional<Price>& price) {
  RETORT_TRY(auto batch, loadBatch(workspace, id));
  RETORT_TRY(const auto text, readFile(file));
  RETORT_TRY(auto open, attemptsOf(workspace, teacher, batch.id));
  RETORT_CHECK(collect(teacher, batch, open, text, cache, log, price));
  batch.missing = batch.items - batch.answered - batch.failed;
  batch.state = batch.missing == 0 ? "collected" : "ended";
  RETORT_CHECK(save(workspace, batch));
  return batch;
}

}  // namespace retort::providers
