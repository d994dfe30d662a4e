// Builds datasets from candidates: teacher, duplicates, groups, split, files, card.
#include "data/dataset_build.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/ids.h"
#include "data/build_sources.h"
#include "data/golden.h"
#include "data/groups.h"
#include "data/split.h"
#include "job/row.h"
#include "logs/record.h"

namespace retort::data {
namespace {

class Build {
 public:
  Build(const Workspace& workspace, const BuildOptions& options, std::stop_token stop, const ProgressFn& progress)
      : m_workspace(workspace), m_options(options), m_stop(std::move(stop)), m_progress(progress) {}

  Result<Dataset> run() {
    RETORT_CHECK(m_workspace.requireWritable());
    if (m_options.use != "responses" && m_options.use != "prompts")
      return Error{"data.build.use", "\"" + shown(m_options.use) + "\" is no use of logs", {}, {}, "Choose responses or prompts.", {}, {}};
    RETORT_TRY(m_split, parseSplit(m_options.split));
    RETORT_TRY(m_golden, goldenRows(m_workspace, m_options));
    if (!m_options.references.empty()) {
      RETORT_TRY(m_labels, readLabels(m_options.references));
    }
    RETORT_TRY(m_found, m_options.rows.empty() ? candidatesFromStore(m_workspace, m_options, m_stop, m_progress) : candidatesFromFile(m_options));
    RETORT_CHECK(m_options.use == "responses" ? chooseResponses() : choosePrompts());
    RETORT_CHECK(makeRows());
    RETORT_CHECK(divide());
    return write();
  }

 private:
  /// The chosen teacher's model id, or an error that names what there is.
  Status chooseTeacher() {
    for (const auto& c : m_found.items)
      if (c.answer.is_object()) ++m_models[c.model];
    m_teacher = logs::normaliseModel(m_options.teacher);
    if (m_teacher.empty()) {
      if (m_models.size() == 1) return m_teacher = m_models.begin()->first, Status();
      std::string list;
      for (const auto& [model, count] : m_models) list += (list.empty() ? "" : ", ") + (model.empty() ? "(no model named)" : model) + " (" + formatCount(count) + ")";
      if (m_models.empty()) return noRows("no record under the filter has an answer that can be used");
      return Error{"data.build.teacher", "The answers come from several models", {}, list, "Choose one with --teacher; answers are never mixed.", {}, {}};
    }
    if (m_models.contains(m_teacher)) return {};
    std::vector<std::string> names;
    for (const auto& [model, count] : m_models) names.push_back(model);
    return Error{"data.build.teacher.absent", "No usable answer is from " + shown(m_options.teacher), {},
                 names.empty() ? "no record under the filter has an answer" : "answers are from " + join(names, ", "), "Choose one of these with --teacher, or use --use prompts.", {}, {}};
  }

  Status chooseResponses() {
    RETORT_CHECK(chooseTeacher());
    std::vector<Candidate> kept;
    for (auto& c : m_found.items) {
      if (!c.answer.is_object()) ++m_found.leftOut["no whole answer"];
      else if (c.model != m_teacher) ++m_offered[c.model];
      else kept.push_back(std::move(c));
    }
    m_found.items = std::move(kept);
    return {};
  }

  /// One row for each different prompt: the same one asked of several models is asked once.
  Status choosePrompts() {
    m_teacher = m_options.teacher;
    std::set<std::string> seen;
    std::vector<Candidate> kept;
    for (auto& c : m_found.items) {
      if (!seen.insert(sha256Hex(promptKey(c.messages) + (m_options.system == "keep" ? dumpJson(c.messages) : ""))).second) {
        ++m_found.leftOut["the same prompt came before"];
        continue;
      }
      c.answer = nullptr;
      kept.push_back(std::move(c));
    }
    m_found.items = std::move(kept);
    return {};
  }

  Error noRows(const std::string& why) const {
    std::string detail;
    for (const auto& [reason, count] : m_found.leftOut) detail += (detail.empty() ? "" : "; ") + reason + ": " + formatCount(count);
    return Error{"data.build.empty", "The dataset would have no training rows", {}, why, "Widen the filter, or choose another teacher.", detail, {}};
  }

  Status makeRows() {
    std::set<std::string> ids;
    for (auto& c : m_found.items) {
      if (!ids.insert(c.id).second) return Error{"data.build.id", "Two rows have the id " + shown(c.id), m_options.rows.string(), "ids must be different", {}, {}, {}};
      job::Row row;
      row.id = c.id;
      row.messages = withSystem(c.messages, m_options.system);
      row.tools = std::move(c.tools);
      row.target = std::move(c.answer);
      row.source = std::move(c.source);
      row.teacher = m_teacher;
      m_rows.push_back(std::move(row));
    }
    return m_rows.empty() ? Status(noRows("no record under the filter can be used")) : Status();
  }

  Status divide() {
    // Golden prompts take part in the grouping, so that nothing like them is ever judged on.
    std::vector<std::string> texts, together;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
      texts.push_back(promptKey(m_rows[i].messages));
      together.push_back(m_found.items[i].groupValue);
    }
    for (const auto& row : m_golden) {
      texts.push_back(promptKey(row.messages));
      together.emplace_back();
    }
    RETORT_TRY(m_groups, groupPrompts(texts, together, m_stop, m_progress));
    std::vector<bool> hasGolden(m_groups.names.size());
    for (std::size_t i = 0; i < m_golden.size(); ++i) {
      const auto group = m_groups.groupOf[m_rows.size() + i];
      hasGolden[group] = true;
      m_golden[i].group = m_groups.names[group];
    }
    std::vector<SplitRow> splitting;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
      m_rows[i].group = m_groups.names[m_groups.groupOf[i]];
      splitting.push_back({m_groups.groupOf[i], m_found.items[i].timeUs});
    }
    m_divided = splitRows(splitting, m_groups.names, hasGolden, m_split, m_options.seed);
    if (std::find(m_divided.parts.begin(), m_divided.parts.end(), Part::train) == m_divided.parts.end()) return noRows("the split leaves nothing to train on");
    return {};
  }

  /// Writes one row file and notes its figures.
  Status addFile(const fs::path& folder, std::string_view name, const std::string& text) {
    const auto rows = std::count(text.begin(), text.end(), '\n');
    RETORT_CHECK(writeFileAtomically(folder / name, text));
    const std::string sha = sha256Hex(text);
    m_hashes.emplace_back(name, sha);
    m_files[std::string(name)] = {{"rows", rows}, {"bytes", text.size()}, {"sha256", sha}};
    m_counts[std::string(name.substr(0, name.find('.')))] = rows;
    return {};
  }

  std::string partText(Part part) const {
    std::string text;
    for (std::size_t i = 0; i < m_rows.size(); ++i)
      if (m_divided.parts[i] == part) text += dumpJson(job::toJson(m_rows[i])) + "\n";
    return text;
  }

  std::string referencesText() const {
    std::string text;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
      const Part part = m_divided.parts[i];
      if (part != Part::validation && part != Part::test) continue;
      if (const auto it = m_labels.find(m_rows[i].id); it != m_labels.end())
        text += dumpJson({{"id", m_rows[i].id}, {"reference", it->second}, {"source", "annotation"}}) + "\n";
    }
    return text;
  }

  EvalPlan plan(bool hasReferences) const {
    std::vector<std::string> answers;
    for (const auto& row : m_golden) answers.push_back(job::contentText(row.target));
    if (answers.size() < 20) {
      answers.clear();
      for (const auto& row : m_rows)
        if (row.target.is_object()) answers.push_back(job::contentText(row.target));
    }
    if (answers.empty())
      for (const auto& [id, label] : m_labels) answers.push_back(label);
    return proposePlan(answers, hasReferences);
  }

  Result<Dataset> write() {
    std::string id;
    RETORT_TRY(auto folder, beginProduct(m_workspace.datasets(), id));
    RETORT_CHECK(addFile(folder.path(), "train.jsonl", partText(Part::train)));
    RETORT_CHECK(addFile(folder.path(), "validation.jsonl", partText(Part::validation)));
    RETORT_CHECK(addFile(folder.path(), "test.jsonl", partText(Part::test)));
    std::string golden;
    for (const auto& row : m_golden) golden += dumpJson(job::toJson(row)) + "\n";
    RETORT_CHECK(addFile(folder.path(), "golden.jsonl", golden));
    const std::string references = referencesText();
    RETORT_CHECK(addFile(folder.path(), "references.jsonl", references));
    const EvalPlan evalPlan = plan(!references.empty());
    RETORT_CHECK(writeJsonFile(folder.path() / "plan.json", toJson(evalPlan)));
    RETORT_CHECK(writeJsonFile(folder.path() / "card.json", card(id, evalPlan)));
    RETORT_CHECK(folder.commit());
    return loadDataset(m_workspace, id);
  }

  Json card(const std::string& id, const EvalPlan& evalPlan) {
    m_counts["groups"] = m_groups.names.size();
    m_counts["duplicates"] = m_groups.duplicates;
    m_counts["near_duplicates"] = m_groups.nearDuplicates;
    Json notes = Json::array();
    for (const auto& note : m_groups.cutBack) notes.push_back(note);
    if (m_divided.withoutTime > 0) notes.push_back(formatCount(static_cast<std::int64_t>(m_divided.withoutTime)) + " rows have no time and were left out");
    if (m_divided.crossing > 0) notes.push_back(formatCount(static_cast<std::int64_t>(m_divided.crossing)) + " rows are like an earlier one across the time line and were left out");
    Json offered = Json::object(), leftOut = Json::object();
    for (const auto& [model, count] : m_offered) offered[model.empty() ? "(no model named)" : model] = count;
    for (const auto& [reason, count] : m_found.leftOut) leftOut[reason] = count;
    Json json = {{"schema", kCardSchema}, {"id", id}, {"name", m_options.name}, {"created", isoUtc(utcMicros())}, {"state", "complete"},
                 {"sha256", datasetFingerprint(m_hashes)}, {"use", m_options.use}, {"teacher", m_teacher}, {"split", printSplit(m_split)},
                 {"seed", m_options.seed}, {"group", m_options.group}, {"system", m_options.system}, {"counts", m_counts}, {"files", m_files}};
    json["source"] = {{"kind", m_options.rows.empty() ? "logs" : "file"}, {"filter", m_found.filter}, {"matched", m_found.matched}};
    if (m_options.rows.empty()) json["source"]["selection"] = m_found.selection, json["source"]["selection_sha256"] = m_found.selectionSha256;
    else json["source"]["file"] = m_options.rows.filename().string();
    if (!m_found.queries.empty()) json["source"]["queries"] = m_found.queries;
    json["offered"] = std::move(offered);            // usable answers of other models: counted, never mixed in
    json["left_out"] = std::move(leftOut);
    json["held_for_golden"] = m_divided.heldForGolden;
    json["plan_sha256"] = planHash(evalPlan);
    json["notes"] = std::move(notes);
    return json;
  }

  const Workspace& m_workspace;
  const BuildOptions& m_options;
  std::stop_token m_stop;
  ProgressFn m_progress;
  SplitSpec m_split;
  Candidates m_found;
  std::string m_teacher;
  std::map<std::string, std::int64_t> m_models, m_offered;
  std::unordered_map<std::string, std::string> m_labels;
  std::vector<job::Row> m_rows, m_golden;
  Groups m_groups;
  SplitResult m_divided;
  std::vector<std::pair<std::string, std::string>> m_hashes;
  Json m_files = Json::object(), m_counts = Json::object();
};

}  // namespace

Result<Dataset> buildDataset(const Workspace& workspace, const BuildOptions& options, std::stop_token stop, const ProgressFn& progress) {
  return Build(workspace, options, std::move(stop), progress).run();
}

}  // namespace retort::data
