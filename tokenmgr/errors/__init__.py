"""Everything that can go wrong, drawn. A class is a stable code, facts, and whether trying again can help.

    TokenmgrError
    ├── InputError            U  what was asked for is impossible; nothing was touched
    │   ├── SettingsWrong     U101   ├── LabelWrong         U102   ├── MediumNotNamed    U103
    │   ├── MediumNotRetyped  U104   ├── Cancelled          U105   ├── Interrupted        U106
    │   ├── FileNotWritten    U107   ├── DriverWrong        U108   ├── FamilyUnknown      U109
    │   ├── NotAgreed         U112   ├── RequestWrong       U113   ├── FileUnreadable    U114
    │   ├── SeveralToImport   U115   ├── CmpAsked           U116   ├── SameStore         U117
    │   ├── DeskMissing       U118   ├── PartMissing        U119
    │   └── TestbedError      T  of the testbed
    │       ├── ScenarioUnknown T101 ├── ScenariosConflict  T102   ├── SimulatedUnknown   T103
    │       ├── NameTaken     T104   ├── NameWrong          T105   ├── CompilerMissing    T106
    │       ├── FaultWrong    T107   ├── RuleFileWrong      T108   ├── LayerMissing       T109
    │       ├── BusMissing    T110   ├── DayWrong           T111   ├── MediumOutdated     T112
    │       ├── CompilerFailed T113  ├── SwapWithItself     T114   ├── FolderWrong        T115
    │       ├── NothingUp     T116   ├── ScenarioFileWrong  T117   ├── CommandFailed      T118
    │       ├── ProgramMissing T119  └── ShownOtherwise     T120
    ├── LibraryError          L  the token's PKCS#11 library
    │   ├── LibraryMissing    L101   ├── LibraryUnusable    L102
    │   ├── LibraryHung       L103 r ├── LibraryCrashed     L104 r
    │   ├── LibraryNotInstalled L105 ├── LibraryForeign   L106
    │   └── LibraryNotReady   L107 r
    ├── MediumError           M  the medium itself
    │   ├── MediumNotFound    M101 r ├── MediumChanged      M102 r ├── ConnectionLost    M103 r
    │   ├── MediumGone        M104 r ├── MediumTroubled     M105 r ├── MediumBusy        M106 r
    │   ├── MediumFull        M107   ├── MediumReadOnly     M108   ├── MediumUnknown     M109
    │   ├── NotSupported      M110   ├── NotPermitted       M111   ├── ObjectMissing     M112 r
    │   ├── RequestRejected   M113   ├── AnswerUnknown      M114   ├── MediumBlank       M115
    │   ├── MediumAmbiguous   M116   ├── NoMedium          M117 r ├── FormatUnfinished  M118
    │   ├── MediumUnseen      M119 r ├── ReaderEmpty       M120 r ├── ReaderHeld        M121 r
    │   ├── NoPlace           M122   ├── CertificateInWay  M123   ├── OfficerNeeded     M124
    │   ├── ReaderServiceStopped M125 r └── TokenUnclaimed M126
    │   └── PcStoreError      S  a store on the PC: whatever holds of a medium's trouble holds of it
    │       ├── PcStoreUnknown S101  ├── PcStoreMissing    S102   ├── PcStoreInUse      S103 r
    │       ├── PassphraseWrong S104 ├── PcStoreDamaged    S105   ├── PcStoreNewer      S106
    │       ├── PcStoreUnwritable S107 r ├── PcStoreBusy   S108 r ├── KeyringUnavailable S109 r
    │       ├── PcStoreExists S110   ├── PassphraseUnfit   S111   ├── PcStoreSoftware   S112
    │       └── ExportUnclear S113
    ├── PinError              P  the PIN of the medium (never the login PIN, R11)
    │   ├── PinWrong          P101   ├── PinLocked          P102   ├── PinNotSet         P103
    │   ├── PinToBeChanged    P104   ├── PinFinalTry        P105   ├── PinUnacceptable   P106
    │   ├── PinMissing        P107   ├── PinWantedAgain    P108   └── PinNotUnblockable P109
    ├── KeyPairError          K  a key pair
    │   ├── KeyRefused        K101   ├── KeyIdTaken         K102   ├── KeyMissing        K103
    │   ├── SignatureWrong    K104   └── KeyIdWrong         K105
    ├── CertificateError      C  a certificate
    │   ├── NotACertificate   C101   ├── CertificateForNoKey C102  ├── WrittenDifferently C103 r
    │   ├── ImportUnfit       C104   ├── PrivateKeyInside   C105   ├── BundleUnfit       C106
    │   ├── AuthorityAlone    C107   └── KeyAtWork          C108
    ├── DeletionRefused       D101
    ├── InstallingError       D11 what is set up on this computer around the program
    │   ├── InstallingBusy    D110 r ├── PlaceUnwritable    D111 r ├── BrowserOpen       D112 r
    │   ├── RecordUnfit       D113   ├── ModuleUnfit        D114   └── PlaceUnfit        D115
    ├── AuthorityError        A  the CA: what it does not sign, and what is wrong with it
    │   ├── AuthorityMissing  A101   ├── AuthorityExists    A102   ├── AuthorityDamaged  A103
    │   ├── CeremonyBusy      A104 r ├── CertificateUnfit   A105   ├── KeyUnfit          A106
    │   ├── DraftSpent        A107   ├── SignatureUnfit     A108   ├── ListUnfit         A109
    │   ├── LeftoversElsewhere A110  ├── CeremonyAsked      A111   ├── AuthorityPinWrong A112
    │   ├── RolledOverBefore  A113   ├── KeysNotMoved       A114   ├── AuthorityMoved    A115
    │   ├── AuthorityKeyLost  A116   ├── TrailBroken        A117   ├── BackupExists      A130
    │   ├── BackupUnfit       A131   ├── RegistryNotEmpty   A132   ├── CloseNotConfirmed A133
    │   ├── BackupBusy        A134 r ├── NothingToServe     A135   ├── AuthorityOver     A136
    │   └── KeysLeftBehind    A137
    ├── RenewalError          J  the journal of a renewal
    │   ├── JournalDamaged    J101   ├── JournalNewer       J102   ├── JournalUnwritable J103 r
    │   ├── JournalInUse      J104 r ├── AuthorityAnswerWrong J105 r
    │   ├── AuthorityRefused  J106   ├── AuthorityUnreachable J107 r
    │   ├── AuthorityUntrusted J108  ├── CertificateMismatch J109   ├── ProfileMissing  J110
    │   ├── ProfileTwice      J120
    │   ├── ProfileWrong      J111   ├── BankNotNamed       J112   ├── ClockWrong        J113 r
    │   ├── NothingUnfinished J114   ├── UnfinishedFirst    J115 r ├── NothingToRenew    J116
    │   ├── SeveralToRenew    J117   ├── UndoneHere         J118 r ├── AuthorityWaits    J119 r
    │   ├── ProxyRefused      J130   ├── LeftForLater       J131 r
    │   ├── HookRefused       J132 r ├── HookHung           J133 r ├── HookUntrusted     J134
    │   ├── HookFailed        J135   ├── SourceMissing     J136 r ├── RehearsalTakenBack J140 r
    │   ├── RehearsalNotOffered J141 ├── RehearsalUntold   J142 r ├── HostSilent        J150 r
    │   └── LoginHostMissing  J151   ├── LoginAmbiguous    J152   └── NothingForPolicy  J153 r
    ├── HandoverError         H  a hand-over from a bank's page
    │   ├── HandoverUnreadable H101  ├── HandoverForged    H102   ├── HandoverOver      H103
    │   ├── HandoverSpent     H104   ├── HandoverForeign   H105   ├── HandoverBankUnknown H106
    │   ├── HandoverNotOffered H107  ├── HandoverActUnknown H108  ├── HandoverEarly     H109
    │   ├── HandoverAnothers  H110   ├── SiteUnfit         H130   └── SitesMissing      H131
    ├── EntryError            E  who is not let in at a bank's pages
    │   ├── CertificateNotOffered E101 ├── CertificateUnknown E102 ├── CertificateOfAnotherBank E103
    │   ├── CertificateExpired E104  ├── CertificateRevoked E105  ├── CertificateSuperseded E106
    │   ├── CertificateOnHold E107   ├── CertificateUnconfirmed E108 ├── LoginPinWrong E109
    │   ├── LoginLocked       E110   ├── SessionOver       E111   ├── SessionOfOlder    E112
    │   ├── FormStale         E113 r ├── PageMissing       E114   ├── NotAdministrator  E115
    │   ├── PagesUnavailable  E116 r ├── PageFailed        E117   ├── FormUnreadable    E118
    │   ├── AddressOther      E119   ├── CertificateUnfinished E120
    │   ├── SubscriberChanged E130 r └── PaperWanted       E131
    ├── NoticeError           N  what keeps a mail from being written
    │   ├── MailNotSet        N101   ├── MailServerUnreachable N102 r ├── MailServerUntrusted N103
    │   ├── MailLoginRefused  N104   ├── ClockBackwards    N105 r ├── LongSinceLast     N106
    │   ├── BounceUnreadable  N107   ├── NoticeUnknown     N108   ├── NoticeNotRetriable N109
    │   ├── TextUnfit         N110   ├── MailSenderRefused N130 └── ClocksDiffer     N131 r
    └── RegistrationError     R  what the CA is asked for by a customer, or about one
        ├── BankUnknown       R101   ├── ClaimNotAccepted   R102   ├── ClaimLocked       R103
        ├── NotPermittedNow   R104   ├── KeyCertifiedBefore R105   ├── TicketSpent       R106
        ├── AnotherIsPending  R107   ├── CannotConfirm      R108   ├── AlreadyConfirmed  R109
        ├── AlreadyRevoked    R110   ├── NotYours           R111   ├── AuthorityBusy     R112 r
        ├── RequestMalformed  R113   ├── NotRegistered      R114   ├── RegistryUnavailable R115 r
        ├── RegistryNewer     R116   ├── Taken              R117   ├── CannotListen      R118
        ├── ValueUnfit        R119   ├── WorkerFailed       R120   ├── RegistryMissing   R121
        ├── CannotHold        R125   ├── CannotRelease      R126   ├── AskedTooLate      R127
        ├── AuthorityClosed   R130   ├── EstNotOffered      R131   ├── CertificateWanted R132
        ├── OperationRefused  R133   ├── EnrolmentUnfit     R134
        └── RehearsedLately   R141

    r = retriable: the same request may succeed once its `next` (tokenmgr/messages) is done. The others are final.

Words for people are in tokenmgr/messages, one entry a code; a program reads `code` and `facts`.
"""

from __future__ import annotations

from tokenmgr.errors.asked import *  # noqa: F403
from tokenmgr.errors.authority import *  # noqa: F403
from tokenmgr.errors.entry import *  # noqa: F403
from tokenmgr.errors.handover import *  # noqa: F403
from tokenmgr.errors.installing import *  # noqa: F403
from tokenmgr.errors.library import *  # noqa: F403
from tokenmgr.errors.medium import *  # noqa: F403
from tokenmgr.errors.notices import *  # noqa: F403
from tokenmgr.errors.operation import *  # noqa: F403
from tokenmgr.errors.pc_store import *  # noqa: F403
from tokenmgr.errors.registration import *  # noqa: F403
from tokenmgr.errors.renewal import *  # noqa: F403
from tokenmgr.errors.root import TokenmgrError as TokenmgrError
from tokenmgr.errors.testbed import *  # noqa: F403
