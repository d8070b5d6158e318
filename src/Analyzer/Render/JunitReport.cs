using System.Globalization;
using System.Xml;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The results of budgets as JUnit XML: one test case per check, in the schema that CI systems read.</summary>
internal static class JunitReport
{
    public static void Write(TextWriter output, Assertion assertion)
    {
        // XmlWriter would name the encoding of the TextWriter, which may be a string's.
        output.Write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        using var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, NewLineChars = "\n", CloseOutput = false, OmitXmlDeclaration = true });
        xml.WriteStartElement("testsuites");
        WriteCounts(xml, assertion);
        xml.WriteStartElement("testsuite");
        WriteAttribute(xml, "name", $"faultrec assert {assertion.Report.Path}");
        WriteCounts(xml, assertion);
        foreach (var check in assertion.Checks)
            WriteCase(xml, check);
        xml.WriteEndDocument();
        xml.Flush();
        output.Write('\n');
    }

    private static void WriteCounts(XmlWriter xml, Assertion assertion)
    {
        WriteAttribute(xml, "tests", assertion.Checks.Count.ToString(CultureInfo.InvariantCulture));
        WriteAttribute(xml, "failures", assertion.Broken.ToString(CultureInfo.InvariantCulture));
        WriteAttribute(xml, "errors", "0");
        WriteAttribute(xml, "skipped", "0");
    }

    private static void WriteCase(XmlWriter xml, BudgetCheck check)
    {
        xml.WriteStartElement("testcase");
        WriteAttribute(xml, "classname", "faultrec.assert");
        WriteAttribute(xml, "name", Name(check));
        if (check.IsBroken)
        {
            xml.WriteStartElement("failure");
            WriteAttribute(xml, "type", "budget");
            WriteAttribute(xml, "message", Assertion.Explain(check));
            xml.WriteString(Escape.Visible(Failure(check)));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    // Made visible, because XML 1.0 cannot represent most control characters.
    private static void WriteAttribute(XmlWriter xml, string name, string value) => xml.WriteAttributeString(name, Escape.Visible(value));

    // The limit belongs to the name, so that two budgets on one figure are two cases.
    private static string Name(BudgetCheck check) => check.Budget is null ? check.Title : $"{check.Title} {check.AllowedText}";

    private static string Failure(BudgetCheck check) => Assertion.Describe(check) + (check.Note is null ? "" : $": {check.Note}");
}
