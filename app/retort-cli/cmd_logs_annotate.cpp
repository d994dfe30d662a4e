// `logs annotate`.
#include "app/retort-cli/cli.h"
#include "base/format.h"
#include "logs/annotate.h"

namespace retort::cli {
namespace {

int annotate(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (const auto writable = workspace->requireWritable(); !writable.ok()) return context.fail(writable.error());
  if (args.has("--undo")) {
    if (!args.positional().empty()) return context.usage("logs annotate --undo takes no file");
    const auto values = logs::undoAnnotate(workspace->root());
    if (!values.ok()) return context.fail(values.error());
    context.print("Took back " + formatCount(*values) + " values");
    context.printJson({{"undone", *values}});
    return done;
  }
  if (args.positional().size() != 1) return context.usage("logs annotate needs one table: CSV, JSON lines or Parquet");
  const auto summary = logs::annotate(workspace->root(), {args.positional()[0], args.get("--on", "request_id")}, context.stop, context.progress());
  if (!summary.ok()) return context.fail(summary.error());
  for (const auto& column : summary->columns) {
    context.print("  " + shown(column.name) + " (" + column.type + "): " + formatCount(column.values) + " values");
    if (!column.asked.empty()) context.note(shown(column.asked) + " is a metadata key of the logs; the column is called " + shown(column.name));
  }
  context.print(formatCount(summary->rows) + " rows: " + formatCount(summary->matched) + " matched " + formatCount(summary->records) + " records, " + formatCount(summary->unmatched) + " matched none; " +
                formatCount(summary->changed) + " values changed");
  for (const auto& row : summary->unmatchedRows) context.note("line " + std::to_string(row.line) + " matches no record: " + (row.key.empty() ? std::string("it has no key") : shown(row.key)));
  if (summary->unmatched > static_cast<std::int64_t>(summary->unmatchedRows.size())) context.note("… and " + formatCount(summary->unmatched - static_cast<std::int64_t>(summary->unmatchedRows.size())) + " more");
  context.printJson(summary->toJson());
  return summary->unmatched > 0 ? int(someRejected) : int(done);
}

const Registration r1{{"logs", "annotate", "logs annotate FILE [--on request_id|KEY] | --undo", "Joins labels, grades or outcomes to records as columns for filters.",
                       {{"--on", "KEY", "column that names the records: request_id, or a metadata key"}, {"--undo", "", "takes the last one back"}}, annotate}};

}  // namespace
}  // namespace retort::cli
