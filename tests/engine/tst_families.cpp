// Every family against transformers: logits and gradients of small random models, made at test time by make_goldens.py.
#include <algorithm>

#include "base/subprocess.h"
#include "engine/autograd.h"
#include "engine/decoder.h"
#include "engine/self_test.h"
#include "engine/tensor_file.h"
#include "tests/engine/engine_fixture.h"

using namespace retort;
using namespace retort::engine;

namespace {

std::map<std::string, at::Tensor> goldenOf(const fs::path& file) {
  std::map<std::string, at::Tensor> out;
  if (auto read = readTensorFile(file); read.ok())
    for (auto& tensor : *read) out[tensor.name] = tensor.tensor;
  return out;
}

/// Gradients by Hugging Face's names: the fused ones cut apart as the weights are.
std::map<std::string, at::Tensor> gradientsByName(const Decoder& decoder) {
  Decoder gradients = decoder;
  forEachParameter(gradients, [](const std::string&, at::Tensor& tensor) { tensor = tensor.grad(); });
  std::map<std::string, at::Tensor> out;
  for (auto& tensor : unfused(gradients, at::kFloat)) out[tensor.name] = tensor.tensor;
  return out;
}

}  // namespace

class TestFamilies : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    if (!fs::exists(test::oraclePython())) QSKIP(("No Python with transformers at " + test::oraclePython().string()).c_str());
    m_folder = fs::temp_directory_path() / ("retort-families-" + std::to_string(::getpid()));
    fs::create_directories(m_folder);
    const auto made = runCommand({test::oraclePython(), {(test::sourceFolder() / "tests/engine/make_goldens.py").string(), m_folder.string()}, {{"OMP_NUM_THREADS", "1"}}, {"LD_LIBRARY_PATH"}, {}});
    RETORT_VERIFY(made);
    if (made->err.find("ModuleNotFoundError") != std::string::npos) QSKIP("This Python has no transformers");
    QVERIFY2(made->exitCode == 0, made->err.c_str());
  }
  void cleanupTestCase() {
    std::error_code ignored;
    if (!m_folder.empty()) fs::remove_all(m_folder, ignored);
  }
  void agrees_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"llama_tied", "llama_untied", "llama3_rope", "mistral", "mistral_window", "qwen2", "qwen3", "smollm3"}) QTest::newRow(name) << name;
  }
  void agrees() {
    QFETCH(QString, name);
    const fs::path folder = m_folder / name.toStdString();
    if (!fs::exists(folder)) QSKIP("This transformers does not have the family");
    const auto source = models::openModel(folder);
    RETORT_VERIFY(source);
    auto loaded = loadDecoder(**source, at::kFloat, test::cpu().device);
    RETORT_VERIFY(loaded);
    Decoder& decoder = *loaded;
    auto golden = goldenOf(m_folder / (name.toStdString() + ".golden.safetensors"));
    QVERIFY(golden.contains("logits"));
    forEachParameter(decoder, [](const std::string&, at::Tensor& tensor) { tensor.requires_grad_(); });
    const at::Tensor ids = golden["ids"];
    const at::Tensor logits = logitsOf(decoder, forwardHidden(decoder, ids));
    const double error = (logits.detach() - golden["logits"]).abs().max().item<double>();
    QVERIFY2(error < 1e-4, std::to_string(error).c_str());
    const at::Tensor labels = ids.narrow(1, 1, 39).unsqueeze(2);
    torch::autograd::backward({-at::log_softmax(logits.narrow(1, 0, 39), -1).gather(2, labels).mean()}, {});
    std::size_t compared = 0;
    for (const auto& [weight, gradient] : gradientsByName(decoder)) {
      QVERIFY2(golden.contains("grad." + weight), weight.c_str());
      QVERIFY2(deviation(gradient, golden["grad." + weight]) < 1e-4, weight.c_str());
      ++compared;
    }
    QCOMPARE(compared + 3, golden.size());     // ids, logits, loss
  }
  void weightsComeBackUnchanged() {
    // Fused at load, un-fused for saving: bit for bit.
    const fs::path folder = m_folder / "qwen2";
    const auto source = models::openModel(folder);
    RETORT_VERIFY(source);
    const auto decoder = loadDecoder(**source, at::kFloat, test::cpu().device);
    RETORT_VERIFY(decoder);
    const auto stored = goldenOf(folder / "model.safetensors");
    const auto ours = unfused(*decoder, at::kFloat);
    QCOMPARE(ours.size(), stored.size());
    for (const auto& tensor : ours) QVERIFY2(stored.contains(tensor.name) && tensor.tensor.equal(stored.at(tensor.name)), tensor.name.c_str());
  }

 private:
  fs::path m_folder;
};

QTEST_APPLESS_MAIN(TestFamilies)
#include "tst_families.moc"
