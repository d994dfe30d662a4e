// TensorBoard event files: checksums by their published vectors, records read back byte for byte, and by TensorBoard's own reader.
#define QT_NO_KEYWORDS
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>
#include <bit>
#include <cmath>
#include <cstring>

#include "run/curve.h"
#include "run/tensorboard.h"

using namespace retort;

class TestTensorboard : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void checksums() {
    QCOMPARE(run::crc32c("123456789"), 0xe3069283u);
    QCOMPARE(run::crc32c(std::string(32, '\0')), 0x8a9136aau);          // RFC 3720, B.4
    QCOMPARE(run::crc32c(std::string(32, '\xff')), 0x62a8ab43u);
    std::string rising;
    for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
    QCOMPARE(run::crc32c(rising), 0x46dd794eu);
    QCOMPARE(run::crc32c(""), 0u);
    const std::uint32_t crc = run::crc32c("foo");
    QCOMPARE(run::maskedCrc32c("foo"), ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
  }
  void records() {
    const std::string record = run::tfRecord("hello");
    QCOMPARE(record.size(), std::size_t{8 + 4 + 5 + 4});
    std::uint64_t length = 0;
    std::memcpy(&length, record.data(), 8);
    QCOMPARE(length, std::uint64_t{5});
    std::uint32_t crc = 0;
    std::memcpy(&crc, record.data() + 8, 4);
    QCOMPARE(crc, run::maskedCrc32c(record.substr(0, 8)));
    std::memcpy(&crc, record.data() + 17, 4);
    QCOMPARE(crc, run::maskedCrc32c("hello"));
  }
  void readByTensorboard() {
    const QString python = qEnvironmentVariable("RETORT_SOURCE") + "/.deps/python/bin/python";
    QProcess probe;
    probe.start(python, {"-c", "from tensorboard.backend.event_processing import event_accumulator"});
    if (!probe.waitForFinished(120000) || probe.exitCode() != 0) QSKIP("the tensorboard package is not in .deps/python");
    QTemporaryDir dir;
    auto writer = run::TensorboardWriter::begin(dir.path().toStdString(), 1700000000.5);
    QVERIFY(writer.ok());
    QVERIFY(writer->text("spec", 1700000000.5, "two\nlines").ok());
    for (int step = 1; step <= 300; ++step) {
      job::Event event;
      event.type = step % 10 == 0 ? "eval" : "metric";
      event.ts = 1700000000000 + step * 1000;
      event.body = {{"seq", step}, {"type", event.type}, {"step", step}, {"method", "sft"}};
      event.body[event.type == "eval" ? "nll" : "loss"] = event.type == "metric" && step == 7 ? Json("nan") : Json(1.0 / step);
      QVERIFY(writer->add(event).ok());
    }
    QVERIFY(writer->flush().ok());
    QProcess reader;
    reader.start(python, {"-c",
                          "import sys, math\n"
                          "from tensorboard.backend.event_processing import event_accumulator as e\n"
                          "a = e.EventAccumulator(sys.argv[1], {'scalars': 0}); a.Reload()\n"
                          "s = a.Scalars('training/loss'); v = a.Scalars('validation/nll')\n"
                          "assert len(s) == 270 and len(v) == 30, (len(s), len(v))\n"
                          "assert [x.step for x in v] == list(range(10, 301, 10))\n"
                          "assert all(math.isnan(x.value) if x.step == 7 else abs(x.value - 1 / x.step) < 1e-7 for x in s)\n"
                          "assert abs(s[0].wall_time - 1700000001) < 1e-6\n"
                          "assert a.Tensors('spec/text_summary')[0].tensor_proto.string_val[0] == b'two\\nlines'\n"
                          "assert a.SummaryMetadata('spec/text_summary').plugin_data.plugin_name == 'text'\n"
                          "print('read')",
                          dir.path()});
    QVERIFY(reader.waitForFinished(120000));
    QVERIFY2(reader.exitCode() == 0 && reader.readAllStandardOutput().contains("read"), reader.readAllStandardError().constData());
  }
  void gainOfTwiceTheRows() {
    run::Curve curve;
    curve.points = {{"a", 25, 250, true, 1.0, .9, 1.1}, {"b", 50, 500, true, .8, .7, .9}, {"c", 100, 1000, true, .7, .6, .8}};
    run::estimateGain(curve);
    QVERIFY(curve.hasGain);
    QVERIFY(std::abs(curve.gain - .1) < 1e-12);                          // one doubling brought .1
    QVERIFY(std::abs(curve.gainHigh - curve.gain - std::hypot(.1, .1)) < 1e-12);
    curve.points[2].rows = 2000;                                        // two doublings
    run::estimateGain(curve);
    QVERIFY(std::abs(curve.gain - .05) < 1e-12);
    curve.points[1].done = curve.points[2].done = false;
    run::estimateGain(curve);
    QVERIFY(!curve.hasGain);
    QVERIFY(run::parseShares("25,50,100").ok());
    for (const char* bad : {"", "50,25", "0,50", "120", "25;50", "x"}) QVERIFY2(!run::parseShares(bad).ok(), bad);
  }
};

QTEST_GUILESS_MAIN(TestTensorboard)
#include "tst_tensorboard.moc"
