// The command line's contract: exit codes, sentences that name the next step, JSON on stdout alone.
#include "flows/flow_tools.h"

using namespace retort;

class TestCli : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path at(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }

 private Q_SLOTS:
  void wrongUsage_data() {
    QTest::addColumn<QStringList>("words");
    QTest::addColumn<QString>("says");
    QTest::newRow("noun") << QStringList{"lgos"} << "Did you mean logs?";
    QTest::newRow("verb") << QStringList{"logs", "improt"} << "needs one of";
    QTest::newRow("option") << QStringList{"logs", "generate", "x", "--recrods", "3"} << "Did you mean --records?";
    QTest::newRow("value") << QStringList{"logs", "generate", "x", "--records"} << "needs a value";
    QTest::newRow("number") << QStringList{"logs", "generate", "x", "--records", "many"} << "is none";
    QTest::newRow("workspace") << QStringList{"-w", "/nowhere", "logs", "count"} << "retort-cli init";
    QTest::newRow("distil") << QStringList{"distil", "--student", "tiny"} << "needs logs";
  }
  void wrongUsage() {
    QFETCH(QStringList, words);
    QFETCH(QString, says);
    std::vector<std::string> args;
    for (const auto& w : words) args.push_back(w.toStdString());
    const auto out = flow::cli(args);
    QCOMPARE(out.exitCode, 2);
    QVERIFY2(QString::fromStdString(out.err).contains(says), out.err.c_str());
    QVERIFY(out.out.empty());
  }

  void initTwice() {
    QCOMPARE(flow::cli({"init", at("w").string()}).exitCode, 0);
    const auto again = flow::cli({"init", at("w").string()});
    QCOMPARE(again.exitCode, 1);
    QVERIFY(again.err.find("is a workspace already") != std::string::npos);
  }

  void readOnlyWorkspaceSaysSo() {
    if (::geteuid() == 0) {
      // root writes anywhere: a newer schema opens read-only for everybody
      QCOMPARE(flow::cli({"init", at("newer").string()}).exitCode, 0);
      QVERIFY(writeFileAtomically(at("newer") / "workspace.json", R"({"schema":"retort.workspace/9","id":"x","name":"n"})").ok());
    }
    const auto out = flow::cli({"-w", at("newer").string(), "supervise", "--idle", "0"});
    QCOMPARE(out.exitCode, 1);
    QVERIFY2(out.err.find("read-only") != std::string::npos, out.err.c_str());
  }

  void unknownProductsAreNamed() {
    QCOMPARE(flow::cli({"init", at("p").string()}).exitCode, 0);
    for (const auto& noun : {"run", "job"}) {
      const auto out = flow::cli({"-w", at("p").string(), noun, "status", "nothing"});
      QCOMPARE(out.exitCode, 1);
      QVERIFY2(out.err.find("nothing") != std::string::npos, out.err.c_str());
    }
  }
};

QTEST_GUILESS_MAIN(TestCli)
#include "tst_cli.moc"
