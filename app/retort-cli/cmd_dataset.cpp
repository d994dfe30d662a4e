// `dataset build|plan|validate|list|show|export`.
#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "base/format.h"
#include "data/dataset.h"
#include "data/dataset_build.h"
#include "logs/filter.h"

namespace retort::cli {
namespace {

/// The filter of the command: one expression, or --bedrock FILE.
Result<std::string> filterText(const Args& args, std::size_t at) {
  const auto& words = args.positional();
  if (!args.has("--bedrock")) return words.size() > at ? words[at] : std::string();
  if (words.size() > at) return Error{"cli.filter.two", "Two filters were given", {}, "an expression and --bedrock", "Keep one of them.", {}, {}};
  RETORT_TRY(const std::string json, readFile(args.get("--bedrock"), 1u << 20));
  RETORT_TRY(const auto filter, logs::filterFromBedrock(json));
  return logs::printFilter(filter);
}

std::string countsText(const data::Dataset& d) {
  return formatCount(d.train) + " train, " + formatCount(d.validation) + " validation, " + formatCount(d.test) + " test, " + formatCount(d.golden) + " golden";
}

int build(Context& context, const Args& args) {
  if (args.positional().empty() || args.positional().size() > 2) return context.usage("dataset build needs a name, and at most one filter");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto filter = filterText(args, 1);
  if (!filter.ok()) return context.fail(filter.error());
  const auto seed = args.integer("--seed", 1);
  if (!seed.ok()) return context.fail(seed.error());
  data::BuildOptions options;
  options.name = args.positional()[0];
  options.filter = *filter;
  options.use = args.get("--use", options.use);
  options.teacher = args.get("--teacher");
  options.golden = args.get("--golden");
  options.keptGolden = !args.has("--no-golden");
  options.references = args.get("--references");
  options.split = args.get("--split", options.split);
  options.group = args.get("--group");
  options.unit = args.get("--unit", options.unit);
  if (options.unit != "call" && options.unit != "conversation") return context.usage("--unit is call or conversation");
  options.system = args.get("--system", options.system);
  options.rows = args.get("--rows");
  options.seed = static_cast<std::uint64_t>(*seed);
  const auto dataset = data::buildDataset(*workspace, options, context.stop, context.progress());
  if (!dataset.ok()) return context.fail(dataset.error());
  context.print("Built the dataset " + dataset->name + " (" + dataset->id + "): " + countsText(*dataset));
  if (!dataset->teacher.empty()) context.print("  Teacher: " + dataset->teacher);
  for (const auto& [model, count] : dataset->card["offered"].items()) context.print("  Left out, answers of " + model + ": " + formatCount(count.get<std::int64_t>()));
  for (const auto& [reason, count] : dataset->card["left_out"].items()) context.print("  Left out, " + reason + ": " + formatCount(count.get<std::int64_t>()));
  for (const auto& note : dataset->card["notes"]) context.print("  " + note.get<std::string>());
  context.print("  SHA-256: " + dataset->sha256);
  context.printJson(dataset->card);
  return done;
}

int list(Context& context, const Args&) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  Json all = Json::array();
  for (const auto& d : data::listDatasets(*workspace)) {
    context.print(d.id + "  " + d.name + "  " + countsText(d) + (d.teacher.empty() ? "" : "  " + d.teacher));
    all.push_back({{"id", d.id}, {"name", d.name}, {"created", d.created}, {"sha256", d.sha256}, {"use", d.use}, {"teacher", d.teacher}, {"state", d.state}, {"counts", d.card["counts"]}});
  }
  if (all.empty()) context.note("There are no datasets yet. Make one with: retort-cli dataset build NAME");
  context.printJson({{"datasets", all}});
  return done;
}

int show(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("dataset show needs one dataset");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto d = data::loadDataset(*workspace, args.positional()[0]);
  if (!d.ok()) return context.fail(d.error());
  const auto plan = data::loadPlan(*d);
  if (!plan.ok()) return context.fail(plan.error());
  const auto intact = data::verifyDataset(*d);
  if (!intact.ok()) return context.fail(intact.error());
  context.print(d->name + " (" + d->id + "), " + d->created + "\n  Rows: " + countsText(*d) + ", " + formatCount(d->references) + " references" +
                "\n  Use: " + d->use + (d->teacher.empty() ? "" : "\n  Teacher: " + d->teacher) + "\n  Split: " + d->card.value("split", "") +
                "\n  Evaluation: " + plan->task + " by " + plan->primary + " against " + plan->reference + "\n  SHA-256: " + d->sha256 + " (files agree)");
  Json json = d->card;
  json["plan"] = data::toJson(*plan);
  context.printJson(json);
  return done;
}

int plan(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("dataset plan needs one dataset");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  auto d = data::loadDataset(*workspace, args.positional()[0]);
  if (!d.ok()) return context.fail(d.error());
  auto current = data::loadPlan(*d);
  if (!current.ok()) return context.fail(current.error());
  for (const auto& assignment : args.all("--set"))
    if (const auto set = data::setPlanField(*current, assignment); !set.ok()) return context.fail(set.error());
  if (args.has("--set")) {
    d = data::withPlan(*workspace, *d, *current);
    if (!d.ok()) return context.fail(d.error());
    context.note("The plan is fixed once written; the changed one is a new dataset with the same rows: " + d->id);
  }
  context.print(data::toJson(*current).dump(2));
  context.printJson({{"dataset", d->id}, {"sha256", data::planHash(*current)}, {"plan", data::toJson(*current)}});
  return done;
}

int validate(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("dataset validate needs one file");
  const auto report = data::validateRows(args.positional()[0]);
  if (!report.ok()) return context.fail(report.error());
  context.print(formatCount(report->rows) + " rows are good (" + (report->format.empty() ? "no format" : report->format) + "), " + formatCount(report->withAnswer) + " with an answer; " +
                formatCount(report->bad) + " are bad");
  for (const auto& problem : report->problems) context.print("  " + problem);
  context.printJson({{"rows", report->rows}, {"with_answer", report->withAnswer}, {"bad", report->bad}, {"format", report->format}, {"problems", report->problems}});
  return report->bad > 0 ? someRejected : done;
}

int exportTo(Context& context, const Args& args) {
  if (args.positional().size() != 2) return context.usage("dataset export needs a dataset and a place to write to");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto d = data::loadDataset(*workspace, args.positional()[0]);
  if (!d.ok()) return context.fail(d.error());
  const auto files = data::exportDataset(*d, args.get("--to", "jsonl"), args.positional()[1]);
  if (!files.ok()) return context.fail(files.error());
  Json list = Json::array();
  for (const auto& file : *files) {
    context.print(file.string());
    list.push_back(file.string());
  }
  context.printJson({{"dataset", d->id}, {"files", list}});
  return done;
}

/// Params: the build options (data::buildOptionsFromJson).
Result<Json> buildJob(JobContext& job) {
  RETORT_TRY(const auto options, data::buildOptionsFromJson(job.params, "spec.json: params"));
  RETORT_TRY(const auto dataset, data::buildDataset(job.workspace, options, job.stop, job.progress));
  return Json{{"dataset", dataset.id}, {"name", dataset.name}, {"counts", dataset.card["counts"]}, {"sha256", dataset.sha256}};
}

const Registration rBuild{{"dataset", "build",
                           "dataset build NAME [FILTER] [--use responses|prompts] [--teacher T] [--golden FILE|--no-golden] [--references FILE] [--split 80/10/10|time:T1,T2] [--group KEY] [--system keep|none|TEXT] [--rows FILE] [--seed S]",
                           "Makes a dataset of the records under a filter: one teacher's answers, golden examples apart, split by prompt group.",
                           {{"--use", "responses|prompts", "the teacher's logged answers, or prompts to be answered anew (responses)"},
                            {"--teacher", "T", "model whose answers are used"},
                            {"--golden", "FILE", "conversations with the right answer, to steer the teacher (those of golden list)"},
                            {"--no-golden", "", "none, although golden list has some"},
                            {"--references", "FILE", "{\"request_id\",\"label\"} lines, for evaluation only"},
                            {"--split", "S", "80/10/10, or time:T1,T2"},
                            {"--unit", "U", "call, or conversation: of each conversation its last call (call)"},
                            {"--group", "KEY", "metadata key: records with one value stay on one side"},
                            {"--system", "keep|none|TEXT", "the system message of the rows (keep)"},
                            {"--rows", "FILE", "conversations of this file instead of imported records"},
                            {"--bedrock", "FILE", "a Bedrock requestMetadataFilters document as the filter"},
                            {"--seed", "S", "seed of the split (1)"}},
                           build}};
const Registration rList{{"dataset", "list", "dataset list", "Lists the datasets.", {}, list}};
const Registration rShow{{"dataset", "show", "dataset show ID", "Shows a dataset and checks its files.", {}, show}};
const Registration rPlan{{"dataset", "plan", "dataset plan ID [--set K=V]", "Shows the evaluation plan; --set makes a new dataset with a changed one.", {{"--set", "K=V", "a member of the plan"}}, plan}};
const Registration rValidate{{"dataset", "validate", "dataset validate FILE", "Checks a file of conversations line by line.", {}, validate}};
const Registration rExport{{"dataset", "export", "dataset export ID --to bedrock|openai|jsonl OUT", "Writes a dataset's rows for other programs.", {{"--to", "FORMAT", "bedrock, openai or jsonl"}}, exportTo}};
const JobRegistration buildExecutor{"dataset", buildJob};

}  // namespace
}  // namespace retort::cli
