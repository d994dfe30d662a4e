// A new dataset made from another one's rows: answered by a teacher, with another system prompt, golden examples as training rows.
#pragma once
#include <string>
#include <vector>

#include "base/workspace.h"
#include "data/dataset.h"
#include "job/row.h"

namespace retort::lab {

/// The rows of a dataset's files, in the order of the files.
struct DatasetRows {
  std::vector<job::Row> train, validation, test, golden;
};
Result<DatasetRows> readDatasetRows(const data::Dataset& dataset);

struct Derivation {
  std::string name;
  std::string how;                 ///< a sentence for the card: "answered by …"
  std::string teacher, use;        ///< as in the card; empty: the parent's
  Json facts = Json::object();     ///< further members of the card ("answers": {...})
};

/// Writes datasets/<id>/ with `rows`, the parent's references and plan, and a card that names the parent. Returns the new dataset.
Result<data::Dataset> deriveDataset(const Workspace& workspace, const data::Dataset& parent, const DatasetRows& rows, const Derivation& derivation);

}  // namespace retort::lab
