using System.CommandLine;
using Faultrec.Cli;
using Faultrec.Traces;

var root = new RootCommand("faultrec") { ReportVerb.Create(), InfoVerb.Create(), DumpVerb.Create() };
try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (FaultrecException exception)
{
    Console.Error.WriteLine($"faultrec: {exception.Message}");
    return (int)exception.ExitCode;
}
